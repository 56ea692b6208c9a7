//! A store that several machines or containers share: sessions of another machine or container are
//! left alone.

use std::ffi::OsString;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::{is_running, kill, poll, signal};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(60);

/// Changes a session's record to one of another container on this machine.
fn move_elsewhere(sandbox: &Sandbox, id: &str) {
    sandbox.edit_record(id, |record| {
        assert!(record["pid_namespace"].is_u64() && record["host"].is_string(), "{record}");
        record["pid_namespace"] = json!(1);
        record["host"] = json!("other-box");
    });
}

/// The state of a session, as `status` says.
fn state(sandbox: &Sandbox, id: &str) -> Value {
    sandbox.occtl(&["status", id, "--json"]).run().ok().json()["state"].clone()
}

#[test]
fn a_session_of_another_container_is_only_removed_with_forget_elsewhere() {
    let sandbox = sandbox("elsewhere", json!({}));
    let id = sandbox.start(&[]);
    let here = sandbox.start(&[]);
    let server = sandbox.server_pid(&id);
    move_elsewhere(&sandbox, &id);
    assert_eq!(state(&sandbox, &id), "elsewhere");
    let listed = sandbox.occtl(&["list"]).run().ok().stdout;
    assert!(listed.contains("elsewhere"), "{listed}");
    let refused = sandbox.occtl(&["send", &id, "hello"]).run().fails(4);
    assert!(refused.stderr.contains("other-box"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--forget-elsewhere"), "{}", refused.stderr);
    for words in [&["stop", &id][..], &["stop", "-f", &id], &["stop", "--kill", &id]] {
        sandbox.occtl(words).run().fails(4);
    }
    sandbox.occtl(&["cleanup", "-m", "0"]).run().ok();
    sandbox.occtl(&["doctor", "--fix"]).run().ok();
    let second = sandbox.start(&[]);
    let all = sandbox.occtl(&["stop", "--all"]).run().ok();
    assert!(!all.stdout.contains(&id) && all.stderr.contains("another machine"), "{}", all.stderr);
    for flags in [&["stop", "--all", "--forget-elsewhere"][..], &["doctor", "--forget-elsewhere"]] {
        sandbox.occtl(flags).run().fails(2);
    }
    let left = sandbox.store()["sessions"].clone();
    assert_eq!(left.as_object().unwrap().keys().collect::<Vec<_>>(), [&id]);
    assert!(left[&here].is_null() && left[&second].is_null());
    assert!(is_running(server) && sandbox.data().join(format!("logs/{id}.log")).exists());

    let dropped = sandbox.occtl(&["stop", &id, "--forget-elsewhere"]).run().ok();
    assert!(dropped.stderr.contains("may still run on other-box"), "{}", dropped.stderr);
    assert!(dropped.stdout.contains("its server was not reached"), "{}", dropped.stdout);
    assert_eq!(sandbox.store()["sessions"], json!({}));
    assert!(is_running(server), "its server is left running");
    kill(server);
    let live = sandbox.start(&[]);
    sandbox.occtl(&["stop", &live, "--forget-elsewhere"]).run().fails(1);
    sandbox.occtl(&["stop", &live]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn the_lock_of_a_server_elsewhere_tells_whether_it_has_ended() {
    let sandbox = sandbox("ended-elsewhere", json!({}));
    let id = sandbox.start(&[]);
    let server = sandbox.server_pid(&id);
    let other = sandbox.start(&[]);
    move_elsewhere(&sandbox, &id);
    signal(server, Signal::KILL);
    poll(SOON, || (state(&sandbox, &id) == "dead").then_some(())).expect("its end");
    sandbox.occtl(&["cleanup"]).run().ok();
    assert!(sandbox.store()["sessions"][&id].is_null());
    // Without the lock it is not known whether the server has ended.
    move_elsewhere(&sandbox, &other);
    let lock = sandbox.data().join(format!("locks/{other}.lock"));
    std::fs::remove_file(lock).expect("the server's lock");
    kill(sandbox.server_pid(&other));
    assert_eq!(state(&sandbox, &other), "elsewhere");
    sandbox.occtl(&["doctor", "--fix", "--forget-elsewhere"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn two_pid_namespaces_that_share_a_store_leave_the_sessions_of_each_other_alone() {
    let sandbox = sandbox("namespaces", json!({}));
    let inside = |words: &[&str]| {
        let mut arguments: Vec<OsString> =
            ["--pid", "--fork", "--kill-child", "--mount-proc", "--"].map(OsString::from).into();
        arguments.extend(words.iter().map(OsString::from));
        sandbox.command("unshare", &arguments).timeout(SOON)
    };
    if inside(&["true"]).run().status != 0 {
        eprintln!("skipped: this machine gives no pid namespaces (unshare --pid)");
        return;
    }
    let occtl = env!("CARGO_BIN_EXE_occtl");
    let outside = sandbox.start(&[]);
    // The session that is started in the other namespace lives as long as the namespace.
    let line =
        format!("'{occtl}' start -q && '{occtl}' cleanup -m 0 && '{occtl}' stop --all -q; cat");
    let mut container = inside(&["sh", "-c", &line]).spawn();
    let within = container.wait_for_line("oc-", SOON).trim().to_owned();
    // The last of its commands prints the id of the session once more.
    poll(SOON, || container.stdout().matches("oc-").nth(1).map(drop)).expect("its own stop");
    assert_ne!(within, outside);
    assert_eq!(state(&sandbox, &outside), "idle", "the other namespace has left it alone");
    assert!(is_running(sandbox.server_pid(&outside)));
    container.signal(Signal::KILL);
    container.wait(SOON);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.occtl(&["cleanup"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_server_is_never_taken_for_dead_where_its_process_cannot_be_seen_as_it_is() {
    let sandbox = sandbox("unseen", json!({}));
    let id = sandbox.start(&[]);
    let occtl = env!("CARGO_BIN_EXE_occtl");
    let may_mount = sandbox.command("unshare", &["-m", "true"]).run().status == 0;
    let moved = ["--time", "--boottime", "100000", "--fork"];
    let may_move = sandbox.command("unshare", &moved).args(&["true"]).run().status == 0;
    if !may_mount || !may_move {
        eprintln!("skipped in part: this user may not mount, or has no time namespaces");
    }
    if may_mount {
        // A whole /proc, but nothing beside the processes. Old kernels have no such thing.
        let script = "mount -t proc -o subset=pid proc /proc && exec \"$0\" \"$@\"";
        let part = |words: &[&str]| {
            let shell = ["-m", "sh", "-c", script];
            sandbox.command("unshare", &shell).args(words).run()
        };
        if part(&["true"]).status == 0 {
            let seen = part(&[occtl, "list", "--json"]).ok().json();
            assert_eq!(seen["sessions"][0]["state"], "idle", "without /proc/sys");
            let there = part(&[occtl, "start", "-q"]).ok().stdout.trim().to_owned();
            assert_eq!(state(&sandbox, &there), "idle", "one that was started there");
            sandbox.occtl(&["stop", &there]).run().ok();
        }
        let script = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
        let blind = |words: &[&str]| {
            let shell = ["-m", "sh", "-c", script, occtl];
            sandbox.command("unshare", &shell).args(words).run()
        };
        blind(&["cleanup", "-m", "0"]).ok();
        let refused = blind(&["stop", &id]).fails(4);
        assert!(refused.stderr.contains("/proc is not there"), "{}", refused.stderr);
        blind(&["stop", &id, "--forget-elsewhere"]).fails(1);
        let looked = blind(&["doctor", "--fix", "--forget-elsewhere"]).stdout;
        assert!(looked.contains("cannot be seen"), "{looked}");
        assert_eq!(state(&sandbox, &id), "idle", "without /proc");
    }
    if may_move {
        // There a process seems to have started a day later than here.
        let there = |words: &[&str]| sandbox.command("unshare", &moved).args(&[occtl]).args(words);
        there(&["cleanup"]).run().ok();
        let seen = there(&["list", "--json"]).run().ok().json();
        assert_eq!(seen["sessions"][0]["state"], "idle");
        assert_eq!(state(&sandbox, &id), "idle", "after the look through another clock");
    }
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}
