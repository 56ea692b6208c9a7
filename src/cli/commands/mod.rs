//! One file a command: its table entry, its arguments, and what it prints.

pub mod abort;
pub mod agents;
pub mod answer;
pub mod approve;
pub mod attach;
pub mod cleanup;
pub mod config;
pub mod events;
pub mod guard;
pub mod help;
pub mod list;
pub mod logs;
pub mod models;
pub mod permissions;
pub mod questions;
pub mod reject;
pub mod run;
pub mod send;
pub mod start;
pub mod status;
pub mod stop;
pub mod test_permission;
pub mod touch;
pub mod version;
pub mod wait;
