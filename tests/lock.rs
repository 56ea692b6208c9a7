//! A store that several processes use: its lock, its modes, and its earlier form.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::processes::{is_running, poll};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(90);

fn sandbox(name: &str) -> Sandbox {
    let mut sandbox = Sandbox::new(name);
    sandbox.use_stand_in(json!({}));
    sandbox
}

/// Takes the lock as any other program would, and holds it until the file is dropped.
fn hold(sandbox: &Sandbox) -> File {
    let file = File::create(sandbox.data().join("store.lock")).expect("the lock's file");
    fs2::FileExt::try_lock_exclusive(&file).expect("a lock that no process holds");
    file
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("its metadata").permissions().mode() & 0o777
}

#[test]
fn a_held_lock_is_announced_and_given_up_on_after_ten_seconds_while_readers_go_on() {
    let sandbox = sandbox("held");
    let id = sandbox.start(&[]);
    let before = std::fs::read(sandbox.store_path()).unwrap();
    let lock = hold(&sandbox);
    let began = Instant::now();
    let waiting = sandbox.occtl(&["start", "--json"]).spawn();
    waiting.wait_for_stderr("waiting for the lock on", SOON);
    assert!(waiting.stderr().contains("store.lock"), "{}", waiting.stderr());
    for arguments in [vec!["list"], vec!["status", &id], vec!["list", "--json"], vec!["list", "-q"]]
    {
        let read = sandbox.occtl(&arguments).run().ok();
        assert!(read.elapsed < Duration::from_secs(8), "{arguments:?}: {:?}", read.elapsed);
        assert!(read.stdout.contains(&id));
    }
    let given_up = waiting.wait(SOON).fails(9);
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(9), "{waited:?}");
    let error = given_up.json_error();
    assert_eq!(error["code"], "store");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("store.lock") && message.contains("10 s"), "{message}");
    assert_eq!(given_up.stdout, "");
    assert_eq!(std::fs::read(sandbox.store_path()).unwrap(), before);
    // A command that waits gets the lock as soon as it is free. `list` waits as well when the store
    // does not parse, because another process may be writing it in place.
    let path = sandbox.store_path();
    std::fs::write(&path, &before[..before.len() / 2]).unwrap();
    let reading = sandbox.occtl(&["list", "-q"]).spawn();
    let stopping = sandbox.occtl(&["stop", &id]).spawn();
    for waiting in [&reading, &stopping] {
        waiting.wait_for_stderr("waiting for the lock on", SOON);
    }
    std::fs::write(&path, before).unwrap();
    drop(lock);
    stopping.wait(SOON).ok();
    reading.wait(SOON).ok();
    assert_eq!(sandbox.store()["sessions"], json!({}));
    sandbox.assert_nothing_left();
}

#[test]
fn a_signal_ends_the_wait_for_the_lock() {
    let sandbox = sandbox("impatient");
    sandbox.occtl(&["touch", "oc-none"]).run().fails(3);
    let lock = hold(&sandbox);
    for words in [&["start"][..], &["run", "hello"]] {
        let waiting = sandbox.occtl(words).spawn();
        waiting.wait_for_stderr("waiting for the lock on", SOON);
        waiting.signal(Signal::INT);
        let ended = waiting.wait(SOON).fails(130);
        let told = "interrupted by SIGINT while it waited for the lock on";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        sandbox.wait_for_nothing_left(SOON);
    }
    drop(lock);
    // A turn is not held up: all that would be recorded of it is the time of its activity.
    let session = sandbox.start(&[]);
    let lock = hold(&sandbox);
    let sent = sandbox.occtl(&["send", &session, "--wait", "-t", "9", "hello"]).run().ok();
    assert_eq!(sent.stdout, "hello\n");
    let warned =
        sent.stderr.contains("warning:") && sent.stderr.contains("another process has held");
    assert!(warned, "{}", sent.stderr);
    drop(lock);
    sandbox.occtl(&["stop", &session]).run().ok();
    // A server that has started by then is ended. To remove its record, start waits for the lock
    // again.
    sandbox.set_faults(&json!({"never_answer": true}));
    let starting = sandbox.occtl(&["start"]).spawn();
    let spawned = || sandbox.marked_processes().iter().any(|(_, line)| line.contains(" serve "));
    poll(SOON, || spawned().then_some(())).expect("a server");
    let lock = hold(&sandbox);
    sandbox.set_faults(&json!({}));
    starting.wait_for_stderr("waiting for the lock on", SOON);
    starting.signal(Signal::INT);
    poll(SOON, || (!spawned()).then_some(())).expect("the end of the server");
    drop(lock);
    starting.wait(SOON).fails(130);
    assert_eq!(sandbox.store()["sessions"], json!({}));
}

#[test]
fn a_lock_that_passes_from_process_to_process_is_waited_for_longer_than_one_that_is_held() {
    let sandbox = sandbox("crowded");
    let id = sandbox.start(&[]);
    let lock = hold(&sandbox);
    let waiting = sandbox.occtl(&["touch", &id]).spawn();
    waiting.wait_for_stderr("waiting for the lock on", SOON);
    let noticed = Instant::now();
    // As if other processes passed the lock on: at every look it is held, and the store is new.
    let (path, new) = (sandbox.store_path(), sandbox.data().join("new"));
    while noticed.elapsed() < Duration::from_secs(12) {
        std::fs::copy(&path, &new).unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert!(is_running(waiting.pid()), "{}", waiting.stderr());
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(lock);
    waiting.wait(SOON).ok();
    sandbox.occtl(&["stop", &id]).run().ok();
}

#[test]
fn only_its_owner_can_read_the_store_whatever_the_umask() {
    for umask in ["000", "077", "777"] {
        let sandbox = sandbox("umask");
        let data = sandbox.root().join("not/there/yet");
        let script = format!("umask {umask}; exec \"$0\" start -q");
        let start = sandbox.command("sh", &["-c", &script, env!("CARGO_BIN_EXE_occtl")]);
        // The server inherits the umask, under which it could not write its own notes.
        let start = start.env("OCCTL_DATA_DIR", &data).env("STAND_IN_FAULTS", "/dev/null/none");
        let id = start.run().ok().stdout.trim().to_owned();
        assert_eq!(mode(&data), 0o700, "umask {umask}");
        assert_eq!(mode(&data.join("logs")), 0o700, "umask {umask}");
        for name in ["store.json", "store.lock", &format!("logs/{id}.log")] {
            assert_eq!(mode(&data.join(name)), 0o600, "{name}, umask {umask}");
        }
        sandbox.occtl(&["stop", &id]).env("OCCTL_DATA_DIR", &data).run().ok();
    }
}

#[test]
fn the_first_write_migrates_a_store_of_0_4_0_and_keeps_its_unknown_keys() {
    let sandbox = sandbox("forward");
    let path = sandbox.store_path();
    let mut old: Value = serde_json::from_str(include_str!("data/store-0.4.0.json")).unwrap();
    old["sessions"]["oc-195c5185"]["theirs"] = json!({"deep": [1, {"er": null}]});
    old["also_theirs"] = json!("kept");
    // Any process may have the recorded pids here, so they are replaced by pids that are not in
    // use.
    old["sessions"]["oc-195c5185"]["pid"] = json!(4_190_001);
    old["sessions"]["oc-7be01c44"]["pid"] = json!(4_190_002);
    std::fs::write(&path, serde_json::to_string_pretty(&old).unwrap()).unwrap();
    let before = std::fs::read(&path).unwrap();
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(listed["sessions"][0]["state"], "dead");
    assert_eq!(listed["sessions"][0]["workdir"], "/srv/project");
    assert_eq!(listed["sessions"][0]["created_at"], "2026-11-22T10:29:26.27934Z");
    assert_eq!(listed["sessions"][1]["agent"], "docs-retriever");
    assert_eq!(std::fs::read(&path).unwrap(), before, "reading changes nothing");
    let id = sandbox.start(&[]);
    let new = sandbox.store();
    assert_eq!(new["also_theirs"], "kept");
    assert_eq!(new["sessions"]["oc-195c5185"]["theirs"], json!({"deep": [1, {"er": null}]}));
    for (name, value) in old["sessions"]["oc-7be01c44"].as_object().unwrap() {
        assert_eq!(new["sessions"]["oc-7be01c44"][name], *value, "{name}");
    }
    let record = &new["sessions"][&id];
    for name in ["id", "port", "pid", "created_at", "last_activity", "config_path", "status"] {
        assert!(record.get(name).is_some(), "0.4.0 needs {name}: {record}");
    }
    assert_eq!(record["status"], "running");
    assert_eq!(new["next_port"], record["port"].as_u64().unwrap() + 1);
    let stopped = sandbox.occtl(&["stop", "oc-195c5185"]).run().ok();
    assert!(stopped.stdout.contains("already dead"), "{}", stopped.stdout);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    assert_eq!(sandbox.store()["also_theirs"], "kept");
}

/// Writes a session as 0.4.0 does: in its form, under the lock, and in place.
fn write_as_0_4_0(sandbox: &Sandbox, id: &str) {
    let lock = File::create(sandbox.data().join("store.lock")).expect("the lock's file");
    fs2::FileExt::lock_exclusive(&lock).expect("the lock");
    let mut all = sandbox.store();
    let old: Value = serde_json::from_str(include_str!("data/store-0.4.0.json")).unwrap();
    let mut record = old["sessions"]["oc-195c5185"].clone();
    record["id"] = json!(id);
    record["pid"] = json!(4_190_001);
    all["sessions"][id] = record;
    let text = serde_json::to_string_pretty(&all).unwrap();
    let (head, tail) = text.split_at(text.len() / 2);
    let mut file = File::create(sandbox.store_path()).expect("an empty store");
    file.write_all(head.as_bytes()).expect("one half");
    // A process that reads without the lock finds half a store now.
    std::thread::yield_now();
    file.write_all(tail.as_bytes()).expect("the other half");
}

#[test]
fn occtl_and_0_4_0_on_one_store_lose_no_record_and_read_no_half_of_it() {
    let sandbox = sandbox("two-tools");
    let id = sandbox.start(&[]);
    let ids: Vec<String> = (0..200).map(|number| format!("oc-0000{number:04x}")).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            ids.iter().for_each(|id| write_as_0_4_0(&sandbox, id));
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let listed = sandbox.occtl(&["list", "-q"]).spawn();
            let touched = sandbox.occtl(&["touch", &id]).spawn();
            assert!(listed.wait(SOON).ok().stdout.contains(&id));
            touched.wait(SOON).ok();
        }
    });
    let all = sandbox.store();
    assert!(ids.iter().chain([&id]).all(|id| all["sessions"].get(id).is_some()), "{all}");
    sandbox.occtl(&["stop", &id]).run().ok();
}

#[test]
fn a_copy_that_cannot_get_the_rules_of_its_original_is_deleted_again() {
    let sandbox = sandbox("fork-rules");
    let id = sandbox.start(&[]);
    // A rule of the user. Without those against occtl a copy is made, and that is said.
    let sent = sandbox.occtl(&["send", &id, "--deny", "bash", "hello"]).run().ok();
    let first = sent.stdout.trim().to_owned();
    sandbox.set_faults(&json!({"ignores_rules": true}));
    let refused = sandbox.occtl(&["fork", &id, "-s", &first]).run().fails(1);
    assert!(refused.stderr.contains("the rules of"), "{}", refused.stderr);
    let left = sandbox.occtl(&["sessions", &id, "-q"]).run().ok().stdout;
    assert_eq!(left.trim(), first);
}

#[test]
fn a_command_that_cannot_lock_the_store_still_tells_what_it_did() {
    let sandbox = sandbox("unnoted");
    let id = sandbox.start(&[]);
    let first = sandbox.occtl(&["send", &id, "hello"]).run().ok().stdout.trim().to_owned();
    sandbox.occtl(&["wait", &id]).run().ok();
    let lock = hold(&sandbox);
    let warns = |words: &[&str]| {
        let done = sandbox.occtl(words).run().ok();
        assert!(done.stderr.contains("warning:"), "{words:?}: {}", done.stderr);
        // It waits for the lock only for a moment, because its main work is done.
        assert!(done.elapsed < Duration::from_secs(9), "{words:?}: {:?}", done.elapsed);
        done.stdout
    };
    let sent = warns(&["send", &id, "-s", &first, "again"]);
    assert_eq!(sent.trim(), first, "so that a script does not send the prompt again");
    warns(&["send", &id, "--wait", "and again"]);
    sandbox.set_faults(&json!({"turn": {"never_ends": true}}));
    let runaway = warns(&["send", &id, "run away"]).trim().to_owned();
    warns(&["abort", &id, "-s", &runaway]);
    let forked = warns(&["fork", &id, "-s", &first]);
    assert!(forked.starts_with("Forked: ses_"), "{forked}");
    drop(lock);
    let noted = sandbox.occtl(&["fork", &id, "-s", &first]).run().ok();
    assert!(!noted.stderr.contains("warning:"), "{}", noted.stderr);
    let fork = noted.stdout.lines().next().unwrap().trim_start_matches("Forked: ").to_owned();
    assert_eq!(
        sandbox.record(&id)["conversation"],
        fork,
        "the newest conversation that occtl opened"
    );
}
