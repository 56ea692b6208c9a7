//! Decides: combines client, store and process, and returns plain structs.
//!
//! Architecture invariant: nothing here writes to stdout or stderr. What a person should see while
//! something is going on is said through [`Context::say`]; results are returned.

pub mod asks;
pub mod context;
pub mod conversation;
pub mod environment;
pub mod init;
pub mod input;
pub mod lifecycle;
pub mod nearest;
pub mod programs;
pub mod prompt;
pub mod run;
pub mod session;
pub mod signals;
pub mod turn;

pub use context::{Context, DEFAULT_SESSION, Purpose};
pub use environment::Environment;
pub use signals::Signals;
