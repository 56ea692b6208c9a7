//! One run, in a process of its own: prepares the tree, lets the agent work, checks what it left.
//!
//! Architecture invariant: what the agent's process leaves is data. Grading, hashes and the result
//! line are made outside of it, by this process, after everything of the agent has ended.

mod agent;
mod agent_order;
pub mod artifacts;
mod child;
mod host;
mod judge;
mod line;
pub mod order;
mod program;
pub mod regrade;
mod run;
mod secrets;
mod surroundings;
pub mod warm_up;

pub use agent::agent;
pub use regrade::regrade;
pub use run::trial;
