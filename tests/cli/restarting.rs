//! `restart`: what a session keeps, and what it does not know any more.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::{is_running, kill, poll};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);

/// What `restart` prints with `--json`, and what it says.
#[track_caller]
fn restarted(sandbox: &Sandbox, words: &[&str]) -> (Value, String) {
    let outcome = sandbox.occtl(&[&["restart", "--json"], words].concat()).run().ok();
    (outcome.json(), outcome.stderr)
}

#[test]
fn a_session_is_the_same_after_a_restart_and_what_is_not_recorded_is_said() {
    let sandbox = sandbox("restart", Value::Null);
    std::fs::write(sandbox.work().join("c.json"), "{}").unwrap();
    let words =
        ["--name", "web", "--label", "job=a", "-a", "plan", "--isolate", "--config", "c.json"];
    let id = sandbox.start(&[&words[..], &["--env", "KEY=secret"]].concat());
    let before = sandbox.record(&id);
    let own = sandbox.data().join("isolated").join(&id).join("data/mine");
    std::fs::write(&own, "kept").unwrap();
    let old = sandbox.server_pid(&id);
    let (facts, said) = restarted(&sandbox, &["web"]);
    assert!(
        said.contains(&format!("--env KEY, --config of the first start of {id} is not")),
        "{said}"
    );
    assert!(!said.contains("secret") && !sandbox.record(&id).to_string().contains("secret"));
    assert!(!is_running(old) && is_running(sandbox.server_pid(&id)));
    for name in ["id", "port", "name", "agent", "labels", "workdir", "isolated", "created_at"] {
        let was = before.get(name).cloned().unwrap_or_default();
        let is = &facts[name];
        let same = *is == was || name == "isolated" || name == "created_at";
        assert!(same, "{name}: {was} and {is}");
    }
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "kept");
    sandbox.occtl(&["send", "web", "hello", "--wait"]).run().ok();
    let again = ["restart", "web", "--env", "KEY=other", "--config", "c.json"];
    let plain = sandbox.occtl(&again).run().ok();
    assert!(plain.stdout.starts_with(&format!("Restarted session: {id}\n")), "{}", plain.stdout);
    assert_eq!(plain.stderr, "", "nothing is missing");
    let variables = format!("/proc/{}/environ", sandbox.server_pid(&id));
    assert!(std::fs::read_to_string(variables).unwrap().contains("KEY=other"));

    // The port of a dead one may be another program's by now.
    kill(sandbox.server_pid(&id));
    let port = u16::try_from(before["port"].as_u64().unwrap()).unwrap();
    let taken = poll(SOON, || TcpListener::bind(("127.0.0.1", port)).ok()).expect("the port");
    let (facts, said) = restarted(&sandbox, &["web", "--env", "KEY=x", "--config", "c.json"]);
    assert!(said.contains(&format!("port {port} is taken: ")), "{said}");
    assert!(facts["port"] != port && facts["id"] == json!(id), "{facts}");
    drop(taken);
    sandbox.occtl(&["stop", "web"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_restart_that_fails_or_is_killed_loses_nothing() {
    let sandbox = sandbox("restart-fails", Value::Null);
    let id = sandbox.start(&["--isolate", "--name", "web"]);
    let own = sandbox.data().join("isolated").join(&id).join("data/mine");
    std::fs::write(&own, "kept").unwrap();
    let state = || sandbox.occtl(&["status", "web", "--json"]).run().ok().json()["state"].clone();
    let missing = sandbox.occtl(&["restart", "web", "--opencode", "/nonexistent"]).run().fails(1);
    assert!(missing.stderr.contains("there is no OpenCode at"), "{}", missing.stderr);
    assert_eq!(state(), "idle", "what can be known before is no reason to end the server");
    let broken = sandbox.install("broken", "#!/bin/sh\necho no; exit 3\n");
    let broken = sandbox.occtl(&["restart", "web", "--opencode", broken.to_str().unwrap()]).run();
    let said = broken.fails(4).stderr;
    assert!(said.contains(&format!("occtl restart {id}")) && said.contains("status 3"), "{said}");
    assert_eq!(state(), "dead");

    sandbox.set_faults(&json!({"silent_start": true}));
    let starting = sandbox.occtl(&["restart", "web"]).spawn();
    let is_starting = || (sandbox.record(&id)["status"] == "starting").then_some(());
    poll(SOON, is_starting).expect("a reservation");
    starting.signal(Signal::KILL);
    starting.wait(SOON).fails(137);
    sandbox.set_faults(&json!({}));
    sandbox.start(&[]);
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "kept", "no start takes it for a left-over");
    restarted(&sandbox, &["web"]);
    assert_eq!(state(), "idle");
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "kept");

    std::fs::create_dir(sandbox.work().join("gone")).unwrap();
    let lost = sandbox.start(&["-w", "gone"]);
    std::fs::remove_dir(sandbox.work().join("gone")).unwrap();
    let gone = sandbox.occtl(&["restart", &lost]).run().fails(1).stderr;
    assert!(gone.contains("is gone"), "{gone}");
    let server = sandbox.serve();
    let adopted = sandbox.occtl(&["adopt", &server.url(), "-q"]).run().ok().stdout;
    let refused = sandbox.occtl(&["restart", adopted.trim()]).run().fails(1).stderr;
    assert!(refused.contains("was adopted"), "{refused}");
    sandbox.occtl(&["stop", "--all"]).run().ok();
}

#[test]
fn a_worktree_is_the_same_after_a_restart() {
    let sandbox = sandbox("restart-worktree", Value::Null);
    sandbox.git(&sandbox.work(), &["init", "-q"]);
    std::fs::write(sandbox.work().join("a"), "a").unwrap();
    sandbox.git(&sandbox.work(), &["add", "a"]);
    sandbox
        .git(&sandbox.work(), &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]);
    let id = sandbox.start(&["--worktree", "fix"]);
    let before = sandbox.record(&id)["worktree"].clone();
    let place = before["path"].as_str().unwrap().to_owned();
    let draft = std::path::Path::new(&place).join("draft");
    std::fs::write(&draft, "draft").unwrap();
    restarted(&sandbox, &[&id]);
    assert_eq!(std::fs::read_to_string(&draft).unwrap(), "draft");
    assert_eq!(sandbox.record(&id)["worktree"], before);
    sandbox.occtl(&["stop", &id, "--remove-worktree"]).run().fails(1);
    std::fs::remove_file(&draft).unwrap();
    sandbox.occtl(&["stop", &id, "--remove-worktree"]).run().ok();
    sandbox.assert_no_trace();
}

/// Whether a process holds a lock on a file.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = std::fs::metadata(path) else { return false };
    let inode = format!(":{}", file.ino());
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    // The place of the file is the sixth word; those that wait have an arrow before the others.
    locks.lines().any(|line| line.split_whitespace().nth(5).is_some_and(|it| it.ends_with(&inode)))
}

#[test]
fn of_two_restarts_at_once_one_is_refused_and_takes_nothing_from_the_other() {
    let sandbox = sandbox("restart-twice", json!({"ignore_sigterm": true}));
    let id = sandbox.start(&["--name", "web"]);
    let old = sandbox.server_pid(&id);
    let first = sandbox.occtl(&["restart", "web"]).spawn();
    let turn = sandbox.data().join("queue").join(format!("{id}.lock"));
    poll(SOON, || is_locked(&turn).then_some(())).expect("the turn of the first restart");
    // However long the old server takes to end.
    first.signal(Signal::STOP);
    let second = sandbox.occtl(&["restart", "web"]).run().fails(1).stderr;
    assert!(second.contains("is being restarted already"), "{second}");
    first.signal(Signal::CONT);
    first.wait(SOON).ok();
    assert!(!is_running(old) && is_running(sandbox.server_pid(&id)));
    assert!(!turn.exists(), "the turn is over");
    sandbox.set_faults(&json!({}));
    restarted(&sandbox, &["web"]);
    sandbox.occtl(&["stop", "web"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_restart_that_was_stopped_says_so_and_does_not_offer_another_one() {
    let sandbox = sandbox("restart-stopped", Value::Null);
    let id = sandbox.start(&[]);
    sandbox.set_faults(&json!({"silent_start": true}));
    let starting = sandbox.occtl(&["restart", &id]).spawn();
    // The new server runs, so that the restart has no lock of the store, and only waits.
    let is_serving = |(_, line): &(u32, String)| line.contains(" serve ");
    let is_starting = || sandbox.record(&id)["status"] == "starting";
    let serves = || sandbox.marked_processes().iter().any(is_serving);
    poll(SOON, || (is_starting() && serves()).then_some(())).expect("a new server");
    // It is looked at when the session is gone as a whole.
    starting.signal(Signal::STOP);
    sandbox.occtl(&["stop", "--force", &id]).run().ok();
    starting.signal(Signal::CONT);
    let said = starting.wait(SOON).fails(8).stderr;
    assert!(said.contains(&format!("session {id} was stopped while it started")), "{said}");
    assert!(!said.contains("occtl restart"), "{said}");
    sandbox.assert_no_trace();
}
