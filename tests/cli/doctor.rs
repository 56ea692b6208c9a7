//! `doctor`: what it finds, what it repairs, and what it leaves alone.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::{kill, poll, signal};
use crate::support::sandbox::{Sandbox, example, set_mode};

const SOON: Duration = Duration::from_secs(30);

/// Runs `doctor`, which must end with `status`, and gives its findings.
fn findings(sandbox: &Sandbox, words: &[&str], status: i32) -> Vec<Value> {
    let report = sandbox.occtl(&[&["doctor", "--json"], words].concat()).run().fails(status);
    report.json()["findings"].as_array().unwrap().clone()
}

/// The checks of the findings with a status.
fn of(findings: &[Value], status: &str) -> Vec<String> {
    let wanted = findings.iter().filter(|one| one["status"] == status);
    wanted.map(|one| one["check"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn it_says_when_all_is_well_and_the_status_is_zero() {
    let sandbox = sandbox("healthy", Value::Null);
    sandbox.start(&[]);
    let found = findings(&sandbox, &[], 0);
    assert_eq!(of(&found, "wrong"), [""; 0], "{found:#?}");
    for check in ["disk", "lock", "store", "session", "opencode", "git", "database"] {
        assert!(found.iter().any(|one| one["check"] == check), "{check}: {found:#?}");
    }
    let said = sandbox.occtl(&["doctor"]).run().ok();
    assert!(said.stdout.starts_with("Check"), "{}", said.stdout);
    let password = sandbox.records()[0]["password"].clone();
    assert!(!said.stdout.contains(password.as_str().unwrap()));
    sandbox.occtl(&["stop", "--all"]).run().ok();
}

#[test]
fn a_layout_that_makes_no_sense_is_mended_and_one_of_a_newer_occtl_is_left_alone() {
    let sandbox = sandbox("layout", Value::Null);
    let id = sandbox.start(&[]);
    let with_layout = |layout: Value| {
        let mut store = sandbox.store();
        store["schema"] = layout;
        std::fs::write(sandbox.store_path(), store.to_string()).unwrap();
    };
    for strange in [json!("1"), json!(1.0), json!([])] {
        with_layout(strange.clone());
        sandbox.occtl(&["touch", &id]).run().fails(9);
        assert_eq!(of(&findings(&sandbox, &[], 1), "wrong"), ["store"], "{strange}");
        assert!(of(&findings(&sandbox, &["--fix"], 0), "mended").contains(&"store".to_owned()));
        sandbox.occtl(&["touch", &id]).run().ok();
    }
    with_layout(json!(2));
    for words in [&["doctor"][..], &["doctor", "--fix"]] {
        let said = sandbox.occtl(words).run().fails(1);
        assert!(said.stdout.contains("a newer occtl wrote it"), "{}", said.stdout);
        assert_eq!(sandbox.store()["schema"], 2);
    }
    with_layout(json!(1));
    sandbox.occtl(&["stop", "--all"]).run().ok();
}

#[test]
fn what_is_no_directory_is_named_as_the_data_directory_and_keeps_its_mode() {
    let sandbox = sandbox("no-directory", Value::Null);
    let file = sandbox.root().join("file");
    std::fs::write(&file, "kept").unwrap();
    set_mode(&file, 0o666);
    let pipe = sandbox.root().join("pipe");
    sandbox.command("mkfifo", &["--", pipe.to_str().unwrap()]).run().ok();
    set_mode(&pipe, 0o666);
    for data in [&file, &pipe] {
        let run = |words: &[&str]| sandbox.occtl(words).env("OCCTL_DATA_DIR", data).run();
        for words in [&["list"][..], &["start"], &["doctor"], &["doctor", "--fix"]] {
            let run = run(words);
            assert!(run.status == 9 || words[0] == "doctor" && run.status == 1, "{words:?}");
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(said.contains("is no directory") && !said.contains("chmod"), "{said}");
        }
    }
    for place in [&file, &pipe] {
        assert_eq!(std::fs::metadata(place).unwrap().permissions().mode() & 0o777, 0o666);
    }
}

#[test]
fn a_store_or_directory_that_others_can_write_to_is_refused_and_repaired() {
    let sandbox = sandbox("writable", Value::Null);
    let id = sandbox.start(&[]);
    for (place, mode, good) in [("data", 0o777, 0o700), ("data/store.json", 0o620, 0o600)] {
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
    // A directory or store that others can only read is closed to them as well.
    for (place, good) in [("data", 0o700), ("data/store.json", 0o600)] {
        let path = sandbox.root().join(place);
        set_mode(&path, good | if good == 0o700 { 0o055 } else { 0o044 });
        assert!(of(&findings(&sandbox, &[], 1), "wrong").contains(&"permissions".to_owned()));
        findings(&sandbox, &["--fix"], 0);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, good);
    }
    // The target of a store that is a link is checked and written.
    let (path, shared) = (sandbox.store_path(), sandbox.root().join("shared"));
    std::fs::create_dir(&shared).unwrap();
    set_mode(&shared, 0o777);
    std::fs::rename(&path, shared.join("store.json")).unwrap();
    std::os::unix::fs::symlink(shared.join("store.json"), &path).unwrap();
    let refused = sandbox.occtl(&["touch", &id]).run().fails(9);
    assert!(refused.stderr.contains(shared.to_str().unwrap()), "{}", refused.stderr);
    set_mode(&shared, 0o755);
    sandbox.occtl(&["touch", &id]).run().ok();
    // A directory of another user, which only root can make here.
    let other = sandbox.root().join("other");
    std::fs::create_dir(&other).unwrap();
    if std::os::unix::fs::chown(&other, Some(4711), None).is_ok() {
        let list = || sandbox.occtl(&["list"]).env("OCCTL_DATA_DIR", &other).run();
        let refused = list().fails(9);
        assert!(refused.stderr.contains("belongs to user 4711"), "{}", refused.stderr);
    } else {
        eprintln!("not root: a directory of another owner cannot be made here");
        // Modes that keep their owner from writing; root would write all the same.
        for (path, mode) in [(sandbox.data(), 0o500), (sandbox.store_path(), 0o000)] {
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
fn a_directory_that_is_shared_on_purpose_keeps_its_rights() {
    let sandbox = sandbox("shared-place", Value::Null);
    let place = sandbox.root().join("place");
    std::fs::create_dir(&place).unwrap();
    let occtl = |words: &[&str]| sandbox.occtl(words).env("OCCTL_DATA_DIR", &place);
    let mode = || std::fs::metadata(&place).unwrap().permissions().mode() & 0o7777;
    // Directories with a sticky or setgid bit, as /tmp has, and one with a file of another program.
    for (shared, file) in [(0o1777, None), (0o2770, None), (0o777, Some("another-program"))] {
        if let Some(file) = file {
            std::fs::write(place.join(file), "").unwrap();
        }
        set_mode(&place, shared);
        let refused = occtl(&["list"]).run().fails(9);
        assert!(refused.stderr.contains("OCCTL_DATA_DIR"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("chmod"), "{}", refused.stderr);
        let found = occtl(&["doctor", "--fix"]).run().fails(1);
        assert!(found.stdout.contains("a directory of your own"), "{}", found.stdout);
        assert_eq!(mode(), shared);
    }
    // A directory that others can read is used, and stays open because of the other file in it.
    set_mode(&place, 0o755);
    occtl(&["touch", "oc-none"]).run().fails(3);
    assert_eq!(mode(), 0o755);
    let found = occtl(&["doctor", "--fix"]).run().ok();
    assert!(found.stdout.contains("can look into"), "{}", found.stdout);
    // With files of occtl alone, as 0.4.0 left it, the first command that writes closes it.
    std::fs::remove_file(place.join("another-program")).unwrap();
    occtl(&["touch", "oc-none"]).run().fails(3);
    assert_eq!(mode(), 0o700);
}

/// What a process has in its environment under a name.
fn variable(pid: u32, name: &str) -> Option<String> {
    let block = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let mut pairs = block.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

/// Starts a session with flags that its record keeps, and gives its id.
fn start_with_facts(sandbox: &Sandbox) -> String {
    let told = ["--name", "mine", "--label", "a=b=c", "--agent", "build", "--idle-timeout", "90"];
    let open = ["--isolate", "--hostname", "0.0.0.0"];
    let start = sandbox.occtl(&["start", "-q"]).args(&told).args(&open);
    let started = start.env("OPENCODE_SERVER_PASSWORD", "sesame").run().ok();
    started.stdout.trim().to_owned()
}

/// Starts a session from within another one, and kills its server while one of its tools runs.
fn start_and_lose(sandbox: &Sandbox, outer: &str) {
    let facts = variable(sandbox.server_pid(outer), "OCCTL_SESSION_FACTS").unwrap();
    let lost = sandbox.occtl(&["start", "-q"]).env("OCCTL_SESSION_FACTS", facts).run().ok();
    let lost = lost.stdout.trim();
    let server = sandbox.server_pid(lost);
    assert_eq!(variable(server, "OCCTL_SESSION_FACTS"), None, "facts are not inherited");
    let tool = sandbox.command("sh", &["-c", "setsid sleep 7300 >/dev/null 2>&1 &"]);
    tool.env("OPENCODE_SESSION_ID", lost).run().ok();
    sandbox.wait_for_process(|line| line == "sleep 7300");
    kill(server);
}

/// Fails the test unless a record that was found again is the one that was lost.
#[track_caller]
fn assert_same_record(before: &Value, after: &Value) {
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
        let found = after[name].as_str().map(|text| json!(text.replace("/alias/", "/data/")));
        assert_eq!(before[name], found.unwrap_or(after[name].clone()), "{name}");
    }
}

#[test]
fn a_lost_store_is_rebuilt_from_the_running_servers_and_from_nothing_else() {
    let sandbox = sandbox("lost", Value::Null);
    let id = start_with_facts(&sandbox);
    let server = sandbox.server_pid(&id);
    start_and_lose(&sandbox, &id);
    let before = sandbox.record(&id);
    std::fs::remove_file(sandbox.store_path()).unwrap();
    // A server that is too busy to answer lives all the same, and its files are in use.
    signal(server, Signal::STOP);
    let found = findings(&sandbox, &[], 1);
    let wrong = of(&found, "wrong");
    assert_eq!(wrong.iter().filter(|check| *check == "process").count(), 2, "{wrong:?}");
    assert!(!of(&found, "warning").contains(&"file".to_owned()), "{found:#?}");
    // The directory may have another name than when the server was started.
    let alias = sandbox.root().join("alias");
    std::os::unix::fs::symlink(sandbox.data(), &alias).unwrap();
    let fix = sandbox.occtl(&["doctor", "--fix"]).env("OCCTL_DATA_DIR", &alias).run().ok();
    assert!(fix.stdout.contains("recorded again"), "{}", fix.stdout);
    signal(server, Signal::CONT);
    assert_same_record(&before, &sandbox.record(&id));
    assert_eq!(sandbox.records().len(), 1);
    // A process whose mark is no session id harms no record, and is not recorded.
    let foreign = sandbox.command(example("stand-in"), &["serve"]);
    let foreign = foreign.args(&["--port", &sandbox.free_port().to_string()]);
    let mut foreign = foreign.env("OPENCODE_SESSION_ID", "oc-../../x").spawn();
    foreign.wait_for_line("listening", SOON);
    sandbox.occtl(&["doctor", "--fix"]).run();
    sandbox.occtl(&["list"]).run().ok();
    assert_eq!(sandbox.records().len(), 1);
    foreign.signal(Signal::KILL);
    assert!(!sandbox.marked_processes().iter().any(|(_, line)| line == "sleep 7300"));
    sandbox.occtl(&["send", &id, "--wait", "hello"]).run().ok();
    assert_eq!(of(&findings(&sandbox, &["--fix"], 0), "mended"), [""; 0], "once is enough");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn one_broken_record_is_taken_out_and_a_store_that_is_no_json_is_set_aside() {
    let sandbox = sandbox("broken", Value::Null);
    let (good, bad) = (sandbox.start(&[]), sandbox.start(&[]));
    sandbox.occtl(&["touch", &good]).run().ok();
    sandbox.edit_record(&bad, |record| record["port"] = json!("many"));
    sandbox.edit_record(&good, |record| record["name"] = json!("mine"));
    sandbox.occtl(&["list"]).run().fails(9);
    let fixed = findings(&sandbox, &["--fix"], 0);
    assert!(of(&fixed, "mended").contains(&"store".to_owned()), "{fixed:#?}");
    let sessions = sandbox.store()["sessions"].as_object().unwrap().clone();
    assert_eq!(sessions[&good]["name"], "mine", "the other records keep what they had");
    assert!(sessions[&bad]["port"].is_u64(), "its server is found again: {sessions:#?}");
    let aside = || {
        let entries = std::fs::read_dir(sandbox.data()).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("damaged")).collect::<Vec<_>>()
    };
    assert_eq!(aside().len(), 1);
    std::fs::write(sandbox.store_path(), "{\"sess").unwrap();
    // Two at once: the second one must not set aside the store that the first one repaired.
    let both: Vec<_> = (0..2).map(|_| sandbox.occtl(&["doctor", "--fix"]).spawn()).collect();
    for one in both {
        let ended = one.wait(SOON);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            !said.contains("another process has held"),
            "doctor waited for its own lock: {said}"
        );
    }
    assert_eq!(sandbox.records().len(), 2);
    assert_eq!(aside().len(), 2);
    for name in aside() {
        let mode = std::fs::metadata(sandbox.data().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "it holds passwords");
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn doctor_does_not_end_its_caller_in_a_lost_session() {
    let sandbox = sandbox("within", Value::Null);
    let own = sandbox.data().join("isolated/oc-deadbeef");
    std::fs::create_dir_all(&own).unwrap();
    let shell = sandbox.shell("\"$0\" doctor --fix; echo alive", &[""; 0]);
    let ended = shell.env("OPENCODE_SESSION_ID", "oc-deadbeef").run().ok();
    assert!(
        ended.stdout.contains("from outside") && ended.stdout.ends_with("alive\n"),
        "{ended:?}"
    );
    assert!(own.exists(), "its database is in use");
}

#[test]
fn left_files_and_an_unfinished_store_are_removed() {
    let sandbox = sandbox("litter", Value::Null);
    let id = sandbox.start(&[]);
    std::fs::write(sandbox.data().join("logs/oc-11111111.log"), "x").unwrap();
    std::fs::create_dir_all(sandbox.data().join("isolated/oc-22222222/data")).unwrap();
    std::fs::write(sandbox.data().join(".store.json.new"), "{").unwrap();
    std::fs::write(sandbox.data().join("logs/notes.txt"), "mine").unwrap();
    assert_eq!(of(&findings(&sandbox, &[], 0), "warning").len(), 3);
    assert_eq!(of(&findings(&sandbox, &["--fix"], 0), "mended").len(), 3);
    assert!(sandbox.data().join("logs/notes.txt").exists(), "it belongs to no session");
    assert!(sandbox.log(&id).exists());
    std::fs::remove_file(sandbox.data().join("logs/notes.txt")).unwrap();
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_session_that_becomes_ready_while_doctor_repairs_another_is_not_ended() {
    let mut sandbox = sandbox("becomes-ready", json!({}));
    let stubborn = sandbox.start(&[]);
    // A tool that ignores SIGTERM and makes a file of it: doctor gives it the whole grace time. The
    // shell makes the file itself: a program for that would get a SIGTERM of its own.
    let [deaf, asked, go] = ["deaf", "asked", "go"].map(|name| sandbox.root().join(name));
    let script = "trap ': >\"$2\"' TERM; : >\"$1\"; while :; do sleep 0.05; done";
    let tool = sandbox.shell(script, &[&deaf, &asked]).env("OPENCODE_SESSION_ID", &stubborn);
    let tool = tool.spawn();
    poll(SOON, || deaf.exists().then_some(())).expect("a tool that ignores SIGTERM");
    signal(sandbox.server_pid(&stubborn), Signal::KILL);
    let script = format!(
        "#!/bin/sh\nwhile ! [ -e '{}' ]; do sleep 0.05; done\nexec '{}' \"$@\"\n",
        go.display(),
        example("stand-in").display()
    );
    sandbox.set_env("OCCTL_OPENCODE", sandbox.install("late", &script));
    let starting = sandbox.occtl(&["start", "-q", "-t", "60"]).spawn();
    let reserved = || (sandbox.records().len() == 2).then_some(());
    poll(SOON, reserved).expect("a reservation");
    let doctor = sandbox.occtl(&["doctor", "--fix", "--json"]).spawn();
    poll(SOON, || asked.exists().then_some(())).expect("a tool that doctor ends");
    std::fs::write(&go, "").unwrap();
    let ready = starting.wait(SOON).ok().stdout.trim().to_owned();
    doctor.wait(SOON);
    let status = sandbox.occtl(&["status", &ready, "--json"]).run().ok().json();
    assert_eq!(status["state"], "idle", "{status}");
    assert_eq!(sandbox.records().len(), 1);
    tool.wait(SOON).fails(137);
    sandbox.occtl(&["stop", &ready]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_store_that_is_a_pipe_is_told_and_left_as_it_is() {
    let sandbox = sandbox("doctor-pipe", Value::Null);
    let id = sandbox.start(&[]);
    sandbox.occtl(&["stop", &id]).run().ok();
    std::fs::remove_file(sandbox.store_path()).unwrap();
    sandbox.command("mkfifo", &["-m", "600", sandbox.store_path().to_str().unwrap()]).run().ok();
    for words in [&[][..], &["--fix"]] {
        let found = findings(&sandbox, words, 1);
        let store = found.iter().find(|one| one["check"] == "store").unwrap();
        assert!(store.to_string().contains("is not a plain file"), "{store}");
    }
    assert!(!sandbox.store_path().is_file());
    std::fs::remove_file(sandbox.store_path()).unwrap();
}
