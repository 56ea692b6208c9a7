//! The life of a session: occtl starts or adopts its server and stops it. It also cleans up or
//! repairs what is left if a process was killed on the way.

pub mod adopt;
pub mod cleanup;
pub mod dead;
pub mod doctor;
pub mod end;
pub mod guard;
pub mod isolate;
pub mod lean;
pub mod memory;
pub mod moot;
pub mod remains;
pub mod remembered;
pub mod start;
pub mod stop;
pub mod template;
pub mod worktree;

pub use adopt::{AdoptOptions, adopt};
pub use cleanup::{Cleaned, CleanedUp, Why, cleanup};
pub use doctor::{DoctorOptions, Finding, Health, doctor};
pub use guard::guard;
pub use moot::check_stop_flags;
pub use start::{StartOptions, restart, start};
pub use stop::{StopOptions, Stopped, ids_here, stop, stop_dead};
