//! One file a command: its table entry, its arguments, and what it prints.

pub mod abort;
pub mod adopt;
pub mod chain;
pub mod delete;
pub mod diff;
pub mod doctor;
pub mod export;
pub mod fork;
pub mod guard;
pub mod help;
pub mod list;
pub mod run;
pub mod send;
pub mod sessions;
pub mod start;
pub mod status;
pub mod stop;
pub mod tail;
pub mod test_permission;
pub mod todo;
pub mod usage;
pub mod version;
pub mod wait;
