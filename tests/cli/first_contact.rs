//! The second between a server's start and its first answer, in which another program may take the
//! port: no program but the server itself receives the password.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::sandbox;
use crate::support::processes::poll;
use crate::support::sandbox::{Sandbox, example};

const SOON: Duration = Duration::from_secs(30);

/// Makes OpenCode a program that writes down its port and password, a line for each start, and then
/// does what `then` says. `$N` is the number of the start.
fn noting(sandbox: &mut Sandbox, then: &str) -> PathBuf {
    let notes = sandbox.root().join("notes");
    let script = format!(
        r#"#!/bin/sh
for word do [ "$before" = --port ] && port=$word; before=$word; done
echo "$port $OPENCODE_SERVER_PASSWORD" >> '{notes}'
N=$(wc -l < '{notes}')
{then}
"#,
        notes = notes.display()
    );
    let program = sandbox.install("noting", &script);
    sandbox.set_env("OCCTL_OPENCODE", program);
    notes
}

/// The port and the password of each start so far.
fn noted(notes: &PathBuf) -> Vec<(u16, String)> {
    let text = fs::read_to_string(notes).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let pair = whole.filter_map(|line| line.trim().split_once(' '));
    pair.map(|(port, password)| (port.parse().unwrap(), password.to_owned())).collect()
}

/// Takes the port of the `count`-th start.
fn take_port(notes: &PathBuf, count: usize) -> TcpListener {
    let port = poll(SOON, || noted(notes).get(count - 1).map(|(port, _)| *port)).expect("a start");
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

#[track_caller]
fn assert_was_left_alone(listener: &TcpListener) {
    let asked = listener.accept().map(|(_, address)| address);
    assert_eq!(asked.unwrap_err().kind(), ErrorKind::WouldBlock, "it received a request");
}

#[test]
fn nothing_is_sent_to_a_program_that_takes_the_port_before_the_server_does() {
    let mut sandbox = sandbox("impostor", json!({}));
    let notes = noting(&mut sandbox, "exec sleep 60");
    let starting = sandbox.occtl(&["start", "-t", "3"]).spawn();
    let impostor = take_port(&notes, 1);
    starting.wait(SOON).fails(124);
    assert_was_left_alone(&impostor);
    drop(impostor);
    sandbox.assert_no_trace();
}

#[test]
fn each_server_of_a_start_has_a_password_of_its_own() {
    let mut sandbox = sandbox("passwords", json!({}));
    let go = sandbox.root().join("go");
    let then = format!(
        "[ $N = 1 ] || exec '{}' \"$@\"\nwhile ! [ -e '{}' ]; do sleep 0.05; done; exit 1",
        example("stand-in").display(),
        go.display()
    );
    let notes = noting(&mut sandbox, &then);
    let starting = sandbox.occtl(&["start", "-q"]).spawn();
    let impostor = take_port(&notes, 1);
    fs::write(&go, "").unwrap();
    let id = starting.wait(SOON).ok().stdout.trim().to_owned();
    assert_was_left_alone(&impostor);
    drop(impostor);
    let noted = noted(&notes);
    let [(first_port, first), (second_port, second)] = &noted[..] else { panic!("{noted:?}") };
    assert_ne!(first, second);
    assert_ne!(first_port, second_port);
    // The record has the password of the server that runs.
    sandbox.occtl(&["send", &id, "--wait", "hello"]).run().ok();
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_start_keeps_a_free_port_even_if_its_server_says_that_the_port_is_taken() {
    let mut sandbox = sandbox("words", json!({}));
    let notes = noting(&mut sandbox, "echo 'ServeError: EADDRINUSE, Is port in use?' >&2; exit 1");
    let failed = sandbox.occtl(&["start", "-t", "20"]).run().fails(4);
    assert!(failed.stderr.contains("ServeError"), "{}", failed.stderr);
    assert_eq!(noted(&notes).len(), 1, "only one server was started");
    sandbox.assert_no_trace();
}

#[test]
fn a_start_tries_four_ports_when_each_is_taken_at_the_last_moment() {
    let mut sandbox = sandbox("always-taken", json!({}));
    let place = sandbox.root().join("go");
    let then = format!("while ! [ -e '{}'$N ]; do sleep 0.05; done; exit 1", place.display());
    let notes = noting(&mut sandbox, &then);
    let starting = sandbox.occtl(&["start", "-t", "60"]).spawn();
    let mut taken = Vec::new();
    for count in 1..=4 {
        taken.push(take_port(&notes, count));
        fs::write(format!("{}{count}", place.display()), "").unwrap();
    }
    starting.wait(SOON).fails(4);
    taken.iter().for_each(assert_was_left_alone);
    drop(taken);
    assert_eq!(noted(&notes).len(), 4);
    sandbox.assert_no_trace();
}

#[test]
fn a_server_and_its_guard_hold_no_descriptor_of_the_caller_open() {
    let sandbox = sandbox("descriptors", json!({}));
    let lock = sandbox.root().join("lock");
    let shell = |words: &[&str]| {
        let lock = ["-c", "exec 9>\"$0\"; exec \"$@\"", lock.to_str().unwrap()];
        let occtl = [env!("CARGO_BIN_EXE_occtl")];
        sandbox.command("bash", &[&lock[..], &occtl, words].concat())
    };
    let holds = |pid: u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target == lock)
    };
    let id = shell(&["start", "-q"]).run().ok().stdout.trim().to_owned();
    assert!(!holds(sandbox.server_pid(&id)));
    sandbox.occtl(&["stop", &id]).run().ok();

    sandbox.set_faults(&json!({"turn": {"never_ends": true}}));
    let running = shell(&["run", "--timeout", "20", "hello"]).spawn();
    let server = sandbox.wait_for_process(|line| line.contains(" serve "));
    let guard = || {
        let own = format!("/proc/{}/task/{0}/children", running.pid());
        let children = fs::read_to_string(own).unwrap_or_default();
        children.split_whitespace().find_map(|pid| pid.parse().ok().filter(|pid| *pid != server))
    };
    let guard: u32 = poll(SOON, guard).expect("a guard");
    assert!(holds(running.pid()), "the test can see the descriptor");
    assert!(!holds(server) && !holds(guard));
    running.signal(rustix::process::Signal::TERM);
    running.wait(SOON).fails(143);
    sandbox.assert_no_trace();
}
