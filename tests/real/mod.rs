//! Commands against the real OpenCode with the scripted model.

mod adopt;
mod asks;
mod bench_export;
mod bench_import;
mod bench_run;
mod bench_trial;
mod bench_trial_ends;
mod changes;
mod clocks;
mod conversations;
mod costs;
mod lean;
mod leaving;
mod limits;
mod main_path;
mod manage;
mod own_commands;
mod permission_flags;
mod permission_rules;
mod playground;
mod processes;
mod prompt_input;
mod recording;
mod run;
mod shared;
mod surroundings;
mod tail;
mod turn_asks;
mod turn_ends;
mod turn_tree;
pub mod versions;
mod walk;

use crate::support::sandbox::Sandbox;

/// Sends a prompt, waits for its answer and gives the conversation.
#[track_caller]
fn send(sandbox: &Sandbox, session: &str, words: &[&str]) -> String {
    let arguments = ["send", session, "--wait", "-q"];
    sandbox.occtl(&arguments).args(words).run().ok().stdout.trim().to_owned()
}
