//! Many real servers at once, which 0.4.0 could not have. Each of these tests has the machine for itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::versions::can;
use crate::support::opencode::{config, version};
use crate::support::processes::poll;
use crate::support::rounds::{fair, in_some_round};
use crate::support::sandbox::Sandbox;
use crate::support::seats::Place;
use crate::support::session::Session;

/// How many start at once.
const CROWD: usize = 16;
/// The same on a fresh home, where several servers end and are started again until one stays.
const FRESH_CROWD: usize = 5;
/// Sixteen servers of 3 s of work each on two busy cores.
const CROWD_TIME: Duration = Duration::from_secs(120);

/// Starts a crowd, asks the store while it starts, and checks that all of them live.
fn crowd(sandbox: &Sandbox, size: usize) {
    let limit = CROWD_TIME.as_secs().to_string();
    let arguments = ["start", "--json", "-t", &limit];
    let starting: Vec<_> = (0..size).map(|_| sandbox.occtl(&arguments).spawn()).collect();
    // The lock is free while they start: whoever reads or writes the store is not kept.
    poll(CROWD_TIME, || {
        let ids = sandbox.occtl(&["list", "-q"]).run().ok();
        assert!(ids.elapsed < Duration::from_secs(8), "{:?}", ids.elapsed);
        (ids.stdout.lines().count() == size).then_some(())
    })
    .expect("a record of each");
    for arguments in [vec!["stop", "oc-none"], vec!["list", "--json"], vec!["start", "--name", "-"]]
    {
        let other = sandbox.occtl(&arguments).run();
        assert_ne!(other.status, 9, "{arguments:?}: {}", other.stderr);
    }
    let ended: Vec<_> = starting.into_iter().map(|one| one.wait(CROWD_TIME).ok()).collect();
    if size == CROWD {
        fair(&ended).unwrap();
    }
    let started: Vec<Value> = ended.iter().map(|one| one.json()).collect();
    let ports: BTreeSet<u64> = started.iter().map(|one| one["port"].as_u64().unwrap()).collect();
    let pids: BTreeSet<u64> = started.iter().map(|one| one["pid"].as_u64().unwrap()).collect();
    assert_eq!((ports.len(), pids.len()), (size, size));
    let list = || sandbox.occtl(&["list", "--json"]).run().ok().within(Duration::from_secs(5));
    let listed = in_some_round(list).json();
    let rows = listed["sessions"].as_array().unwrap();
    assert_eq!(rows.len(), size);
    for row in rows {
        assert_eq!(row["state"], "idle", "{row}");
        assert_eq!(row["opencode_version"], version());
    }
    let stopped = sandbox.occtl(&["stop", "--all", "--json"]).run().ok().json();
    assert_eq!(stopped["stopped"].as_array().unwrap().len(), size);
    sandbox.assert_nothing_left();
    assert_eq!(sandbox.occtl(&["list"]).run().ok().stdout, "No active sessions\n");
}

/// One test and not two, because each crowd takes 5 GB.
#[test]
fn sixteen_starts_at_once_all_succeed_and_so_do_five_on_a_fresh_home() {
    let _all = Place::alone();
    let (mut sandbox, _model) = Sandbox::real("crowd");
    crowd(&sandbox, CROWD);
    // On a fresh home every server migrates the database, and they kill each other.
    let fresh = sandbox.root().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    sandbox.set_env("HOME", fresh);
    crowd(&sandbox, FRESH_CROWD);
}

#[test]
fn isolated_servers_share_credentials_and_nothing_else() {
    let _all = Place::alone();
    let (sandbox, model) = Sandbox::real("isolated");
    let shared = sandbox.home().join(".local/share/opencode");
    let auth = json!({"keyed": {"type": "api", "key": "secret-of-the-user"}});
    std::fs::write(shared.join("auth.json"), auth.to_string()).unwrap();
    let mut keyed = config(&model);
    keyed["provider"]["keyed"] = keyed["provider"]["scripted"].clone();
    keyed["provider"]["keyed"]["options"].as_object_mut().unwrap().remove("apiKey");
    sandbox.configure(&sandbox.work(), &keyed);
    let before = modified(&shared);
    let start = || {
        let start = sandbox.occtl(&["start", "--json", "--isolate", "-t", "140"]);
        start.env("OPENCODE_DB", shared.join("opencode.db")).spawn()
    };
    let starting: Vec<_> = (0..12).map(|_| start()).collect();
    let ids: Vec<String> = starting
        .into_iter()
        .map(|one| one.wait(CROWD_TIME).ok().json()["id"].as_str().unwrap().to_owned())
        .collect();
    let turns: Vec<_> = ids
        .iter()
        .map(|id| {
            sandbox
                .occtl(&["send", id, "--wait", "-t", "140", "--title", "t", "[[echo ok]]"])
                .spawn()
        })
        .collect();
    for turn in turns {
        let ended = turn.wait(CROWD_TIME).ok();
        assert!(ended.stdout.contains("ok"), "{ended:?}");
    }
    for id in &ids {
        let own = sandbox.data().join("isolated").join(id);
        if can("the data of a server is one database") {
            assert!(own.join("data/opencode/opencode.db").exists(), "its own database");
        }
        for log in
            files(&own).into_iter().filter(|path| path.extension().is_some_and(|end| end == "log"))
        {
            let text = std::fs::read_to_string(&log).unwrap();
            assert!(
                !text.contains("database is locked") && !text.contains("SQLITE_BUSY"),
                "{}",
                log.display()
            );
        }
        let conversations = sandbox.occtl(&["sessions", id, "--json"]).run().ok().json();
        assert_eq!(
            conversations["conversations"].as_array().map_or(1, Vec::len),
            1,
            "{conversations}"
        );
    }
    assert_eq!(modified(&shared), before, "the user's own database was not touched");
    // The key of auth.json reaches the provider.
    let providers = Session::of(&sandbox, ids[0].clone()).get("/config/providers").to_string();
    assert!(providers.contains("secret-of-the-user"), "{providers}");
    sandbox.occtl(&["stop", "--keep-data", &ids[0]]).run().ok();
    let kept = sandbox.data().join("kept").join(&ids[0]).join("data/opencode");
    let data = if can("the data of a server is one database") { "opencode.db" } else { "storage" };
    assert!(kept.join(data).exists());
    sandbox.occtl(&["stop", "--all"]).run().ok();
    assert_eq!(files(&sandbox.data().join("isolated")), [""; 0].map(std::path::PathBuf::from));
    assert!(shared.join("auth.json").exists());
    sandbox.assert_nothing_left();
}

fn files(place: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => files(&entry.path()),
            false => vec![entry.path()],
        })
        .collect()
}

/// When each file of the user's own database was changed.
fn modified(place: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let databases = files(place).into_iter().filter(|path| path.to_string_lossy().contains(".db"));
    let mut found: Vec<_> = databases
        .map(|path| (path.clone(), std::fs::metadata(&path).unwrap().modified().unwrap()))
        .collect();
    found.sort();
    found
}
