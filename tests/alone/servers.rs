//! Many real servers at once, which failed with 0.4.0.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::real::versions::can;
use crate::support::opencode::{config, version};
use crate::support::processes::poll;
use crate::support::rounds::{fair, in_some_round};
use crate::support::sandbox::Sandbox;
use crate::support::seats::Place;
use crate::support::session::Session;

/// How many start at once.
const CROWD: usize = 16;
/// How many start at once in a fresh home, where several servers end and are started again.
const FRESH_CROWD: usize = 5;
/// How many isolated servers start at once: more than the machine runs side by side, so that they
/// meet wherever they share something.
const ISOLATED_CROWD: usize = 6;
/// How long sixteen servers may take on two busy cores: each of them works for 3 s.
const CROWD_TIME: Duration = Duration::from_secs(120);

/// Starts a crowd, asks the store while it starts, checks that all of them live, and stops them.
/// `Err` says that some starts took much longer than others.
fn crowd(sandbox: &Sandbox, size: usize) -> Result<(), String> {
    let limit = CROWD_TIME.as_secs().to_string();
    let arguments = ["start", "--json", "-t", &limit];
    let starting: Vec<_> = (0..size).map(|_| sandbox.occtl(&arguments).spawn()).collect();
    // The lock is free while they start, so that no other command has to wait for it.
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
    fair(&ended)
}

/// One test instead of two, because each crowd takes 5 GB of memory.
#[test]
fn sixteen_starts_at_once_all_succeed_and_so_do_five_on_a_fresh_home() {
    let _all = Place::alone();
    let (mut sandbox, _model) = Sandbox::real("crowd");
    in_some_round(|| crowd(&sandbox, CROWD));
    // In a fresh home every server migrates the database, and servers that do so together end each
    // other. Some starts take longer then.
    let fresh = sandbox.root().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    sandbox.set_env("HOME", fresh);
    let _ = crowd(&sandbox, FRESH_CROWD);
}

/// Starts isolated servers at once, and gives their ids.
fn start_isolated(sandbox: &Sandbox, count: usize, shared: &Path) -> Vec<String> {
    let start = || {
        let start = sandbox.occtl(&["start", "-q", "--isolate", "-t", "140"]);
        start.env("OPENCODE_DB", shared.join("opencode.db")).spawn()
    };
    let starting: Vec<_> = (0..count).map(|_| start()).collect();
    let ended = starting.into_iter().map(|one| one.wait(CROWD_TIME).ok());
    ended.map(|one| one.stdout.trim().to_owned()).collect()
}

/// Runs a turn on each session, all at once.
fn turn_on_each(sandbox: &Sandbox, ids: &[String]) {
    let turn = |id: &String| {
        let words = ["send", id, "--wait", "-t", "140", "--title", "t", "[[echo ok]]"];
        sandbox.occtl(&words).spawn()
    };
    let turns: Vec<_> = ids.iter().map(turn).collect();
    for turn in turns {
        let ended = turn.wait(CROWD_TIME).ok();
        assert!(ended.stdout.contains("ok"), "{ended:?}");
    }
}

/// Fails the test unless a session has a database of its own, with one conversation.
#[track_caller]
fn assert_apart(sandbox: &Sandbox, id: &str) {
    let own = sandbox.data().join("isolated").join(id);
    if can("the data of a server is one database") {
        assert!(own.join("data/opencode/opencode.db").exists(), "its own database");
    }
    let is_log = |path: &PathBuf| path.extension().is_some_and(|end| end == "log");
    for log in files(&own).into_iter().filter(is_log) {
        let text = std::fs::read_to_string(&log).unwrap();
        for trouble in ["database is locked", "SQLITE_BUSY"] {
            assert!(!text.contains(trouble), "{}", log.display());
        }
    }
    let listed = sandbox.occtl(&["sessions", id, "--json"]).run().ok().json();
    assert_eq!(listed["conversations"].as_array().map_or(1, Vec::len), 1, "{listed}");
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
    let ids = start_isolated(&sandbox, ISOLATED_CROWD, &shared);
    turn_on_each(&sandbox, &ids);
    for id in &ids {
        assert_apart(&sandbox, id);
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
    assert_eq!(files(&sandbox.data().join("isolated")), [""; 0].map(PathBuf::from));
    assert!(shared.join("auth.json").exists());
    sandbox.assert_nothing_left();
}

/// All files below a directory.
fn files(place: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory { files(&entry.path()) } else { vec![entry.path()] }
        })
        .collect()
}

/// The files of the user's own database, and when each was changed.
fn modified(place: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let databases = files(place).into_iter().filter(|path| path.to_string_lossy().contains(".db"));
    let mut found: Vec<_> = databases
        .map(|path| (path.clone(), std::fs::metadata(&path).unwrap().modified().unwrap()))
        .collect();
    found.sort();
    found
}
