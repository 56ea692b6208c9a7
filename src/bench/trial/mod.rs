//! One run, in a process of its own: prepares the tree, lets the agent work, checks what it left.
//!
//! Architecture invariant: what the agent's process leaves is data. Grading, hashes and the result
//! line are made outside of it, by this process, after everything of the agent has ended.

pub mod ending;
pub mod order;
mod regrade;

pub use regrade::regrade;
