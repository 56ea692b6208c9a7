//! Runs many prompts on many tasks and records what came of them.
//!
//! Architecture invariant: everything about servers, turns, policies and usage is done by `runner`.
//! What runs at the same time runs in child processes, which are `occtl` itself: this process has
//! one thread.

pub mod batch;
pub mod bound;
pub mod check;
pub mod confirm;
pub mod export;
#[cfg(test)]
mod fixture;
pub mod forecast;
pub mod glob;
pub mod hash;
pub mod import;
mod json;
pub mod makespan;
pub mod night;
pub mod plan;
pub mod program;
pub mod report;
pub mod results;
mod room;
pub mod schedule;
pub mod site;
pub mod starter;
pub mod statistics;
pub mod task;
pub mod trial;
mod variables;
pub mod verdict;
pub mod workspace;
pub mod wrap;
