//! Starts servers, ends them, mends what was cut short.

pub mod adopt;
pub mod cleanup;
pub mod dead;
pub mod doctor;
pub mod end;
pub mod guard;
pub mod isolate;
pub mod remembered;
pub mod start;
pub mod stop;
pub mod worktree;

pub use adopt::{AdoptOptions, adopt};
pub use cleanup::{Cleaned, CleanedUp, Why, cleanup};
pub use doctor::{DoctorOptions, Finding, Health, doctor};
pub use guard::guard;
pub use start::{StartOptions, start};
pub use stop::{StopOptions, Stopped, ids_here, stop, stop_dead};
