//! One file per command: its entry in the table, its arguments, and what it prints.

pub mod abort;
pub mod adopt;
pub mod agents;
pub mod answer;
pub mod approve;
pub mod attach;
pub mod bench;
pub mod chain;
pub mod children;
pub mod cleanup;
pub mod compact;
pub mod complete;
pub mod completions;
pub mod config;
pub mod delete;
pub mod diff;
pub mod doctor;
pub mod events;
pub mod export;
pub mod fork;
pub mod guard;
pub mod help;
pub mod init;
pub mod last;
pub mod list;
pub mod logs;
pub mod look;
pub mod man;
pub mod models;
pub mod new;
pub mod own_commands;
pub mod permissions;
pub mod questions;
pub mod reject;
pub mod rename;
pub mod restart;
pub mod revert;
pub mod run;
pub mod send;
pub mod sessions;
pub mod share;
pub mod skill;
pub mod start;
pub mod status;
pub mod stop;
pub mod summary;
pub mod tail;
pub mod test_permission;
pub mod todo;
pub mod touch;
pub mod unrevert;
pub mod unshare;
pub mod usage;
pub mod version;
pub mod wait;

#[cfg(test)]
mod tests;

use super::spec::{Command, Commands};

/// The commands that start, watch and end servers.
const LIFECYCLE: &[&Command] = &[
    &start::COMMAND,
    &adopt::COMMAND,
    &list::COMMAND,
    &status::COMMAND,
    &restart::COMMAND,
    &stop::COMMAND,
    &cleanup::COMMAND,
    &touch::COMMAND,
    &attach::COMMAND,
    &logs::COMMAND,
];

/// The commands that send prompts, and read and manage what became of them.
const CONVERSATIONS: &[&Command] = &[
    &send::COMMAND,
    &run::COMMAND,
    &wait::COMMAND,
    &abort::COMMAND,
    &tail::COMMAND,
    &last::COMMAND,
    &sessions::COMMAND,
    &chain::COMMAND,
    &children::COMMAND,
    &new::COMMAND,
    &fork::COMMAND,
    &rename::COMMAND,
    &revert::COMMAND,
    &unrevert::COMMAND,
    &compact::COMMAND,
    &share::COMMAND,
    &unshare::COMMAND,
    &delete::COMMAND,
    &export::COMMAND,
    &diff::COMMAND,
    &todo::COMMAND,
    &summary::COMMAND,
    &usage::COMMAND,
    &events::COMMAND,
];

/// The commands for what turns ask for.
const ASKS: &[&Command] = &[
    &permissions::COMMAND,
    &approve::COMMAND,
    &reject::COMMAND,
    &questions::COMMAND,
    &answer::COMMAND,
    &test_permission::COMMAND,
];

/// The commands that show what a server is set up to do.
const SERVER: &[&Command] =
    &[&config::COMMAND, &models::COMMAND, &agents::COMMAND, &own_commands::COMMAND];

/// The family of benchmarks.
const BENCHMARKS: &[&Command] = &[
    &bench::COMMAND,
    &bench::init::COMMAND,
    &bench::check::COMMAND,
    &bench::run::COMMAND,
    &bench::status::COMMAND,
    &bench::report::COMMAND,
    &bench::compare::COMMAND,
    &bench::show::COMMAND,
    &bench::recheck::COMMAND,
    &bench::export::COMMAND,
    &bench::import::COMMAND,
    &bench::regrade::COMMAND,
];

/// The commands about occtl itself.
const ITSELF: &[&Command] = &[
    &help::COMMAND,
    &version::COMMAND,
    &completions::COMMAND,
    &man::COMMAND,
    &doctor::COMMAND,
    &skill::COMMAND,
    &init::COMMAND,
];

/// The commands that only occtl itself uses.
const HIDDEN: &[&Command] = &[
    &bench::agent::COMMAND,
    &bench::trial::COMMAND,
    &bench::warm_up::COMMAND,
    &bench::prove::COMMAND,
    &guard::COMMAND,
    &look::COMMAND,
    &complete::COMMAND,
];

/// All commands by group, in the order of the help.
pub const COMMANDS: Commands = Commands(&[
    ("Servers", LIFECYCLE),
    ("Conversations", CONVERSATIONS),
    ("What turns ask for", ASKS),
    ("What a server can do", SERVER),
    ("Benchmarks", BENCHMARKS),
    ("occtl itself", ITSELF),
    ("", HIDDEN),
]);
