//! What a sandbox's store says of its sessions, and what of them is left.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::processes::poll;
use super::sandbox::Sandbox;

impl Sandbox {
    /// The path of `store.json`.
    pub fn store_path(&self) -> PathBuf {
        self.data().join("store.json")
    }

    /// The store; one without sessions where there is no file. Fails the test if it does not parse.
    #[track_caller]
    pub fn store(&self) -> Value {
        match std::fs::read_to_string(self.store_path()) {
            Ok(text) => {
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
            }
            Err(_) => json!({"sessions": {}}),
        }
    }

    /// The records of all sessions.
    #[track_caller]
    pub fn records(&self) -> Vec<Value> {
        self.store()["sessions"].as_object().expect("sessions").values().cloned().collect()
    }

    /// The record of a session; `null` when it has none.
    #[track_caller]
    pub fn record(&self, id: &str) -> Value {
        self.store()["sessions"][id].clone()
    }

    /// Changes a session's record behind occtl's back.
    #[track_caller]
    pub fn edit_record(&self, id: &str, change: impl FnOnce(&mut Value)) {
        let mut store = self.store();
        change(&mut store["sessions"][id]);
        std::fs::write(self.store_path(), store.to_string()).expect("the store");
    }

    /// The process id of a session's server.
    #[track_caller]
    pub fn server_pid(&self, id: &str) -> u32 {
        pid_of(&self.record(id))
    }

    /// The log of a session's server.
    pub fn log(&self, id: &str) -> PathBuf {
        self.data().join("logs").join(format!("{id}.log"))
    }

    /// The logs of all servers.
    pub fn logs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.data().join("logs")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// What is left of sessions: processes, records, logs and ports that something listens on.
    #[track_caller]
    fn traces(&self) -> Vec<String> {
        let processes = self.marked_processes().into_iter();
        let records = self.records().into_iter();
        // A process that another test has just forked has all that this one has open until it
        // executes its program.
        let bound = |port: u16| TcpListener::bind(("127.0.0.1", port)).ok();
        let held = |port: &u16| poll(Duration::from_secs(1), || bound(*port)).is_none();
        processes
            .map(|(pid, line)| format!("process {pid}: {line}"))
            .chain(records.map(|record| format!("record {record}")))
            .chain(self.logs().into_iter().map(|log| format!("log {}", log.display())))
            .chain(self.ports().filter(held).map(|port| format!("port {port}")))
            .collect()
    }

    /// Fails the test unless nothing of any session is left.
    #[track_caller]
    pub fn assert_no_trace(&self) {
        self.wait_for_no_trace(Duration::ZERO, "any command");
    }

    /// Waits until nothing of any session is left. After `timeout` it fails the test, and names
    /// `what` as that which left it.
    #[track_caller]
    pub fn wait_for_no_trace(&self, timeout: Duration, what: &str) {
        let mut left = Vec::new();
        let gone = poll(timeout, || {
            left = self.traces();
            left.is_empty().then_some(())
        });
        assert!(gone.is_some(), "left by {what}: {left:#?}");
    }
}

/// The process id that a record, or a document with the same field, names.
#[track_caller]
pub fn pid_of(facts: &Value) -> u32 {
    facts["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id")
}
