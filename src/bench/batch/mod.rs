//! A batch: all runs of a plan, in child processes, with results that survive anything.

pub mod directory;
pub mod ledger;
pub mod lock;
pub mod outage;
pub mod progress;
