//! Spawns, identifies, signals and waits for processes. The only home of `unsafe`.
//!
//! Architecture invariant: a pid alone is never trusted, because the kernel gives pids out again. A
//! process is the intended one only if its start time and the machine's boot agree too, and a
//! signal goes through a pidfd that was checked after it was opened.

mod attended;
mod descendants;
mod handle;
mod identity;
mod init;
mod mounts;
mod programs;
mod signals;
mod sockets;
mod spawn;
mod table;
mod usage;
mod variables;

pub use attended::{Attended, Ending, attend, attend_fed};
pub use descendants::{become_subreaper, end_everything};
pub use handle::{Handle, pidfd_trouble, wait_all, wait_any};
pub use identity::{Home, Identity, descriptor_limit, own_home, own_identity, own_uid};
pub use init::{Outcome, supervise};
pub use mounts::waiting_file_system;
pub use programs::{Capture, ended_input, feed, read_input, replace};
pub use signals::{catch, end_in_order};
pub use sockets::{is_listened_to, listens};
pub use spawn::{Detached, Guardian, terminate_with};
pub use table::{
    Running, ancestors, command_line, each_marked, environment, marked, open_files, with_variable,
};
pub use usage::largest_child;
pub use variables::Variables;
