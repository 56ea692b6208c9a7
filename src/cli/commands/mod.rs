//! One file a command: its table entry, its arguments, and what it prints.

pub mod abort;
pub mod adopt;
pub mod doctor;
pub mod guard;
pub mod help;
pub mod list;
pub mod run;
pub mod send;
pub mod start;
pub mod status;
pub mod stop;
pub mod test_permission;
pub mod version;
pub mod wait;
