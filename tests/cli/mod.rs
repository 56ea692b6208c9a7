//! Commands against the stand-in: faults that a real server does not produce on demand.

mod adopting;
mod attach;
mod bad_input;
mod bad_opencode;
mod bad_server;
mod bad_store;
mod cleanup;
mod crowds;
mod doctor;
mod first_contact;
mod git;
mod kernel;
mod listing;
mod logs;
mod scarce;
mod stopping;
mod tail;
mod time_zones;
mod turn_closing;
mod turn_faults;
mod turn_held;
mod worktrees;

use serde_json::{Value, json};

use crate::support::command::Outcome;
use crate::support::sandbox::Sandbox;

/// What prompts say, and so what is answered.
const TEXT: &str = "one two three four five";

/// A sandbox with a stand-in.
fn sandbox(name: &str, faults: Value) -> Sandbox {
    let mut sandbox = Sandbox::new(name);
    sandbox.use_stand_in(faults);
    sandbox
}

/// Starts a session and gives its id.
#[track_caller]
fn start(sandbox: &Sandbox) -> String {
    sandbox.occtl(&["start", "-q"]).run().ok().stdout.trim().to_owned()
}

/// Sends [`TEXT`] with `faults` in force and gives the outcome, without faults again.
fn send(sandbox: &Sandbox, session: &str, faults: &Value, flags: &[&str]) -> Outcome {
    sandbox.set_faults(faults);
    let sent = sandbox.occtl(&["send", session, "--title", "t", TEXT]).args(flags).run();
    sandbox.set_faults(&json!({}));
    sent
}

/// The process of a session's server.
fn server_pid(sandbox: &Sandbox, session: &str) -> u32 {
    store(sandbox)["sessions"][session]["pid"].as_u64().unwrap().try_into().unwrap()
}

/// What the server says that goes on.
fn goes_on(sandbox: &Sandbox, session: &str) -> bool {
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    let rows = listed["sessions"].as_array().unwrap().iter();
    let row = rows.clone().find(|row| row["id"] == session).unwrap();
    row["state"] != "idle"
}

/// The store, or an empty one.
fn store(sandbox: &Sandbox) -> Value {
    match std::fs::read_to_string(sandbox.data().join("store.json")) {
        Ok(text) => serde_json::from_str(&text).expect("a store that parses"),
        Err(_) => json!({"sessions": {}}),
    }
}

/// Changes one session's record behind occtl's back.
fn edit_record(sandbox: &Sandbox, id: &str, change: impl FnOnce(&mut Value)) {
    let mut store = store(sandbox);
    change(&mut store["sessions"][id]);
    std::fs::write(sandbox.data().join("store.json"), store.to_string()).expect("the store");
}

/// Fails the test unless nothing of any session is left: no process, no record, no log.
#[track_caller]
fn assert_no_trace(sandbox: &Sandbox) {
    sandbox.assert_nothing_left();
    assert_eq!(store(sandbox)["sessions"], json!({}));
    let logs = std::fs::read_dir(sandbox.data().join("logs"));
    let logs: Vec<_> = logs.into_iter().flatten().flatten().map(|log| log.path()).collect();
    assert!(logs.is_empty(), "{logs:?}");
    for port in sandbox.ports() {
        let free = std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        assert!(free, "port {port} is still held");
    }
}
