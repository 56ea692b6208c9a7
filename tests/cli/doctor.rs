//! `doctor`: what it finds, what it mends, and what it leaves alone.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{assert_no_trace, edit_record, sandbox, server_pid, start, store};
use crate::support::processes::{is_running, poll, signal};
use crate::support::sandbox::{Sandbox, set_mode};

const SOON: Duration = Duration::from_secs(30);

fn findings(sandbox: &Sandbox, words: &[&str], status: i32) -> Vec<Value> {
    let report = sandbox.occtl(&[&["doctor", "--json"], words].concat()).run().fails(status);
    report.json()["findings"].as_array().unwrap().clone()
}

fn of(findings: &[Value], status: &str) -> Vec<String> {
    let wanted = findings.iter().filter(|one| one["status"] == status);
    wanted.map(|one| one["check"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn where_all_is_well_it_says_so_and_the_status_is_zero() {
    let sandbox = sandbox("healthy", Value::Null);
    start(&sandbox);
    let found = findings(&sandbox, &[], 0);
    assert_eq!(of(&found, "wrong"), [""; 0], "{found:#?}");
    for check in ["disk", "lock", "store", "session", "opencode", "git", "database"] {
        assert!(found.iter().any(|one| one["check"] == check), "{check}: {found:#?}");
    }
    let said = sandbox.occtl(&["doctor"]).run().ok();
    assert!(said.stdout.starts_with("Check"), "{}", said.stdout);
    let password =
        store(&sandbox)["sessions"].as_object().unwrap().values().next().unwrap()["password"]
            .clone();
    assert!(!said.stdout.contains(password.as_str().unwrap()));
    sandbox.occtl(&["stop", "--all"]).run().ok();
}

#[test]
fn a_store_or_directory_that_others_can_write_to_is_refused_and_mended() {
    let sandbox = sandbox("writable", Value::Null);
    let id = start(&sandbox);
    for (place, mode, good) in [("data", 0o777, 0o755), ("data/store.json", 0o620, 0o600)] {
        let path = sandbox.root().join(place);
        set_mode(&path, mode);
        for words in [vec!["list"], vec!["stop", &id], vec!["start"], vec!["touch", &id]] {
            let refused = sandbox.occtl(&words).run().fails(9);
            assert!(refused.stderr.contains("other users can write to"), "{}", refused.stderr);
            assert!(refused.stderr.contains("doctor --fix"), "{}", refused.stderr);
        }
        assert!(of(&findings(&sandbox, &[], 1), "wrong").contains(&"permissions".to_owned()));
        assert!(
            of(&findings(&sandbox, &["--fix"], 0), "mended").contains(&"permissions".to_owned())
        );
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, good);
        sandbox.occtl(&["touch", &id]).run().ok();
    }
    // A store that is a link is written where it leads to.
    let (path, shared) = (sandbox.data().join("store.json"), sandbox.root().join("shared"));
    std::fs::create_dir(&shared).unwrap();
    set_mode(&shared, 0o777);
    std::fs::rename(&path, shared.join("store.json")).unwrap();
    std::os::unix::fs::symlink(shared.join("store.json"), &path).unwrap();
    let refused = sandbox.occtl(&["touch", &id]).run().fails(9);
    assert!(refused.stderr.contains(shared.to_str().unwrap()), "{}", refused.stderr);
    set_mode(&shared, 0o755);
    sandbox.occtl(&["touch", &id]).run().ok();
    // Somebody else's: only root can make such a thing here.
    let other = sandbox.root().join("other");
    std::fs::create_dir(&other).unwrap();
    if std::os::unix::fs::chown(&other, Some(4711), None).is_ok() {
        let list = || sandbox.occtl(&["list"]).env("OCCTL_DATA_DIR", &other).run();
        let refused = list().fails(9);
        assert!(refused.stderr.contains("belongs to user 4711"), "{}", refused.stderr);
    } else {
        eprintln!("not root: a directory of another owner cannot be made here");
        // Nor can root be kept from writing where it wants.
        for (path, mode) in [(sandbox.data(), 0o500), (sandbox.data().join("store.json"), 0o000)] {
            set_mode(&path, mode);
            let wrong = of(&findings(&sandbox, &[], 1), "wrong");
            assert!(wrong.contains(&"permissions".to_owned()), "{}: {wrong:?}", path.display());
            findings(&sandbox, &["--fix"], 0);
            sandbox.occtl(&["touch", &id]).run().ok();
        }
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
}

#[test]
fn a_lost_store_is_rebuilt_from_the_running_servers_and_they_are_all_that_is_recorded() {
    let sandbox = sandbox("lost", Value::Null);
    let told = ["--name", "mine", "--label", "a=b=c", "--agent", "build", "--idle-timeout", "90"];
    let open = ["--hostname", "0.0.0.0"];
    let kept = sandbox.occtl(&["start", "--json", "--isolate"]).args(&told).args(&open);
    let kept = kept.env("OPENCODE_SERVER_PASSWORD", "sesame").run().ok().json();
    let id = kept["id"].as_str().unwrap();
    // What one session is called is not handed on to those within it.
    let outer = format!("/proc/{}/environ", kept["pid"]);
    let outer = std::fs::read_to_string(outer).unwrap();
    let facts = outer.split('\0').find(|one| one.starts_with("OCCTL_SESSION_FACTS=")).unwrap();
    let inherits = ["OCCTL_SESSION_FACTS", facts.split_once('=').unwrap().1];
    let dead = sandbox.occtl(&["start", "-q"]).env(inherits[0], inherits[1]).run().ok();
    let dead = dead.stdout.trim().to_owned();
    let theirs = format!("/proc/{}/environ", store(&sandbox)["sessions"][&dead]["pid"]);
    assert!(!std::fs::read_to_string(theirs).unwrap().contains("OCCTL_SESSION_FACTS"));
    let pid = u32::try_from(store(&sandbox)["sessions"][&dead]["pid"].as_u64().unwrap()).unwrap();
    let tool = sandbox.command("sh", &["-c", "setsid sleep 7300 >/dev/null 2>&1 &"]);
    tool.env("OPENCODE_SESSION_ID", &dead).run().ok();
    signal(pid, Signal::KILL);
    poll(SOON, || (!is_running(pid)).then_some(())).expect("its end");
    let before = store(&sandbox)["sessions"][id].clone();
    std::fs::remove_file(sandbox.data().join("store.json")).unwrap();
    // One that is too busy to answer lives all the same, and its files are nobody's litter.
    let server = u32::try_from(kept["pid"].as_u64().unwrap()).unwrap();
    signal(server, Signal::STOP);
    let found = findings(&sandbox, &[], 1);
    let wrong = of(&found, "wrong");
    assert_eq!(wrong.iter().filter(|check| *check == "process").count(), 2, "{wrong:?}");
    assert!(!of(&found, "warning").contains(&"file".to_owned()), "{found:#?}");
    // The directory may be called by another name than when the server was started.
    let alias = sandbox.root().join("alias");
    std::os::unix::fs::symlink(sandbox.data(), &alias).unwrap();
    let fix = sandbox.occtl(&["doctor", "--fix"]).env("OCCTL_DATA_DIR", &alias).run().ok();
    assert!(fix.stdout.contains("recorded again"), "{}", fix.stdout);
    signal(server, Signal::CONT);
    let after = store(&sandbox)["sessions"][id].clone();
    for name in [
        "port",
        "pid",
        "pid_start_time",
        "boot_id",
        "password",
        "workdir",
        "isolated",
        "allow_occtl_commands",
        "hostname",
        "name",
        "labels",
        "agent",
        "idle_timeout_s",
    ] {
        assert_eq!(
            before[name],
            after[name]
                .as_str()
                .map_or(after[name].clone(), |text| json!(text.replace("/alias/", "/data/"))),
            "{name}"
        );
    }
    assert_eq!(store(&sandbox)["sessions"].as_object().unwrap().len(), 1);
    // What claims to be a session without being able to be one is nobody's business, and hurts no record.
    let foreign = sandbox.command(crate::support::sandbox::example("stand-in"), &["serve"]);
    let foreign = foreign.args(&["--port", &sandbox.free_port().to_string()]);
    let mut foreign = foreign.env("OPENCODE_SESSION_ID", "oc-../../x").spawn();
    foreign.wait_for_line("listening", SOON);
    sandbox.occtl(&["doctor", "--fix"]).run();
    sandbox.occtl(&["list"]).run().ok();
    assert_eq!(store(&sandbox)["sessions"].as_object().unwrap().len(), 1);
    foreign.signal(Signal::KILL);
    assert!(!sandbox.marked_processes().iter().any(|(_, line)| line == "sleep 7300"));
    sandbox.occtl(&["send", id, "--wait", "hello"]).run().ok();
    assert_eq!(of(&findings(&sandbox, &["--fix"], 0), "mended"), [""; 0], "once is enough");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    assert_no_trace(&sandbox);
}

#[test]
fn one_broken_record_is_taken_out_and_a_store_that_is_no_json_is_set_aside() {
    let sandbox = sandbox("broken", Value::Null);
    let (good, bad) = (start(&sandbox), start(&sandbox));
    sandbox.occtl(&["touch", &good]).run().ok();
    edit_record(&sandbox, &bad, |record| record["port"] = json!("many"));
    edit_record(&sandbox, &good, |record| record["name"] = json!("mine"));
    sandbox.occtl(&["list"]).run().fails(9);
    let fixed = findings(&sandbox, &["--fix"], 0);
    assert!(of(&fixed, "mended").contains(&"store".to_owned()), "{fixed:#?}");
    let sessions = store(&sandbox)["sessions"].as_object().unwrap().clone();
    assert_eq!(sessions[&good]["name"], "mine", "the others keep what they had");
    assert!(sessions[&bad]["port"].is_u64(), "and its server is found again: {sessions:#?}");
    let aside = || {
        let entries = std::fs::read_dir(sandbox.data()).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("damaged")).collect::<Vec<_>>()
    };
    assert_eq!(aside().len(), 1);
    std::fs::write(sandbox.data().join("store.json"), "{\"sess").unwrap();
    // Two at once: the second one must not set aside what the first one has mended.
    let both: Vec<_> = (0..2).map(|_| sandbox.occtl(&["doctor", "--fix"]).spawn()).collect();
    for one in both {
        let ended = one.wait(SOON);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!said.contains("another process has held"), "it waited for itself: {said}");
    }
    assert_eq!(store(&sandbox)["sessions"].as_object().unwrap().len(), 2);
    assert_eq!(aside().len(), 2);
    for name in aside() {
        let mode = std::fs::metadata(sandbox.data().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "it holds passwords");
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
    assert_no_trace(&sandbox);
}

#[test]
fn whoever_runs_it_within_a_lost_session_is_not_ended_by_it() {
    let sandbox = sandbox("within", Value::Null);
    let own = sandbox.data().join("isolated/oc-deadbeef");
    std::fs::create_dir_all(&own).unwrap();
    let script = format!("{} doctor --fix; echo alive", env!("CARGO_BIN_EXE_occtl"));
    let shell = sandbox.command("sh", &["-c", &script]).env("OPENCODE_SESSION_ID", "oc-deadbeef");
    let ended = shell.run().ok();
    assert!(
        ended.stdout.contains("from outside") && ended.stdout.ends_with("alive\n"),
        "{ended:?}"
    );
    assert!(own.exists(), "its database is in use");
}

#[test]
fn left_files_and_an_unfinished_store_are_removed() {
    let sandbox = sandbox("litter", Value::Null);
    let id = start(&sandbox);
    std::fs::write(sandbox.data().join("logs/oc-11111111.log"), "x").unwrap();
    std::fs::create_dir_all(sandbox.data().join("isolated/oc-22222222/data")).unwrap();
    std::fs::write(sandbox.data().join(".store.json.new"), "{").unwrap();
    std::fs::write(sandbox.data().join("logs/notes.txt"), "mine").unwrap();
    assert_eq!(of(&findings(&sandbox, &[], 0), "warning").len(), 3);
    assert_eq!(of(&findings(&sandbox, &["--fix"], 0), "mended").len(), 3);
    assert!(sandbox.data().join("logs/notes.txt").exists(), "it is of no session");
    assert!(sandbox.data().join("logs").join(format!("{id}.log")).exists());
    std::fs::remove_file(sandbox.data().join("logs/notes.txt")).unwrap();
    sandbox.occtl(&["stop", "--all"]).run().ok();
    assert_no_trace(&sandbox);
}

#[test]
fn a_session_that_becomes_ready_while_doctor_mends_another_is_not_ended() {
    let mut sandbox = sandbox("becomes-ready", json!({}));
    let stubborn = start(&sandbox);
    // A tool that does not end on SIGTERM, and notes it: it takes doctor the whole grace.
    let (asked, go) = (sandbox.root().join("asked"), sandbox.root().join("go"));
    let line = format!("trap 'touch {}' TERM; while :; do sleep 0.05; done", asked.display());
    let tool = sandbox.command("sh", &["-c", &line]).env("OPENCODE_SESSION_ID", &stubborn).spawn();
    signal(server_pid(&sandbox, &stubborn), Signal::KILL);
    let script = format!(
        "#!/bin/sh\nwhile ! [ -e '{}' ]; do sleep 0.05; done\nexec '{}' \"$@\"\n",
        go.display(),
        crate::support::sandbox::example("stand-in").display()
    );
    sandbox.set_env("OCCTL_OPENCODE", sandbox.install("late", &script));
    let starting = sandbox.occtl(&["start", "-q", "-t", "60"]).spawn();
    let reserved = || (store(&sandbox)["sessions"].as_object()?.len() == 2).then_some(());
    poll(SOON, reserved).expect("a reservation");
    let doctor = sandbox.occtl(&["doctor", "--fix", "--json"]).spawn();
    poll(SOON, || asked.exists().then_some(())).expect("doctor ends the tool");
    std::fs::write(&go, "").unwrap();
    let ready = starting.wait(SOON).ok().stdout.trim().to_owned();
    doctor.wait(SOON);
    let status = sandbox.occtl(&["status", &ready, "--json"]).run().ok().json();
    assert_eq!(status["state"], "idle", "{status}");
    assert_eq!(store(&sandbox)["sessions"].as_object().unwrap().len(), 1);
    tool.wait(SOON).fails(137);
    sandbox.occtl(&["stop", &ready]).run().ok();
    assert_no_trace(&sandbox);
}
