//! Commands against the stand-in: faults that a real server does not produce on demand.

mod adopting;
mod asks;
mod attach;
mod attaching_files;
mod bad_input;
mod bad_opencode;
mod bad_server;
mod bad_store;
mod bench_plans;
mod cleanup;
mod clocks;
mod completing;
mod conversation_changes;
mod dead_mounts;
mod default_session;
mod defaults;
mod doctor;
mod elsewhere;
mod events;
mod first_contact;
mod git;
mod halves;
mod help;
mod help_examples;
mod init;
mod kernel;
mod listing;
mod logs;
mod long_texts;
mod mentions;
mod naming;
mod own_commands;
mod restarting;
mod run_ending;
mod run_remains;
mod scarce;
mod schemas;
mod silence;
mod skill;
mod slow_readers;
mod status_line;
mod stopping;
mod summaries;
mod surroundings;
mod tail;
mod terminals;
mod time_zones;
mod turn_closing;
mod turn_costs;
mod turn_faults;
mod turn_held;
mod usage_since;
mod waiting;
mod workplace;
mod worktree_git;
mod worktrees;

use serde_json::{Value, json};

use crate::support::command::Outcome;
use crate::support::sandbox::Sandbox;

/// The tools of a server, as far as rules of tests name them.
const TOOLS: [&str; 4] = ["bash", "edit", "read", "task"];

/// The text of prompts, and so of their answers.
const TEXT: &str = "one two three four five";

/// A sandbox with a stand-in.
pub fn sandbox(name: &str, faults: Value) -> Sandbox {
    let mut sandbox = Sandbox::new(name);
    sandbox.use_stand_in(faults);
    sandbox
}

/// Sends [`TEXT`] while `faults` are in force, and gives the outcome.
fn send(sandbox: &Sandbox, session: &str, faults: &Value, flags: &[&str]) -> Outcome {
    sandbox.set_faults(faults);
    let sent = sandbox.occtl(&["send", session, "--title", "t", TEXT]).args(flags).run();
    sandbox.set_faults(&json!({}));
    sent
}

/// Whether the server of a session is busy, as `list` says.
fn is_busy(sandbox: &Sandbox, session: &str) -> bool {
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    let rows = listed["sessions"].as_array().unwrap().iter();
    let row = rows.clone().find(|row| row["id"] == session).unwrap();
    row["state"] != "idle"
}
