//! What `bench run` is asked for, what it tells meanwhile, and how it ends.

use std::path::PathBuf;

use super::outage::{Ahead, Hold};
use super::progress::Progress;
use super::selection::Selection;
use crate::bench::results::row::Row;
use crate::bench::schedule::Shard;
use crate::error::Code;

/// What `bench run` is asked for.
pub struct BatchOptions {
    /// The directory of the batch.
    pub output: PathBuf,
    /// The batch's id, if the directory is new.
    pub batch: String,
    /// What the scheduler of a cluster calls the batch; `None` without one.
    pub scheduled: Option<String>,
    /// How many runs may go on at once.
    pub jobs: u32,
    /// The part that this process does.
    pub shard: Shard,
    /// Which runs of the plan.
    pub selection: Selection,
    /// Settled runs that are opened again.
    pub rerun: Option<Rerun>,
    /// Which working trees are kept.
    pub trees: Trees,
    /// Where working trees are.
    pub scratch: Option<PathBuf>,
}

/// Settled runs that are opened again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rerun {
    /// Those that were never scored.
    Unscored,
    /// Those whose check failed.
    Fail,
    /// The run whose id begins so.
    Run(String),
}

/// Which working trees are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trees {
    /// None.
    None,
    /// Those of runs that did not pass.
    Fail,
    /// All.
    All,
}

/// Is told what happens in a batch.
pub trait BatchWatcher {
    /// An attempt has ended.
    fn ended(&mut self, row: &Row, progress: &Progress);
    /// Something is not as it should be, and the batch goes on.
    fn warned(&mut self, warning: &str);
    /// Runs are held from now on, or are still held because one that tried has failed as well.
    fn held(&mut self, hold: &Hold);
    /// Something may have changed. `ahead` is what comes next of runs that are held, if any are.
    fn going_on(&mut self, progress: &Progress, ahead: Option<Ahead>);
}

/// Why a batch was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// All runs that were asked for are settled.
    Nothing,
    /// A provider did not work for too long; the same command continues.
    Outage(String),
    /// Results could not be written; the same command continues.
    Disk(String),
    /// The budget is spent; the same command would stop again.
    Budget,
    /// Arms were stopped, and nothing else is left to do; the same command would stop again.
    Arms,
    /// Another process has taken the shard over, because this one gave no sign of life for long.
    Taken,
    /// A signal arrived; the same command continues.
    Signal(Code),
}

/// How `bench run` ended.
pub struct Ended {
    /// Why it was left.
    pub left: Left,
    /// The runs that were asked for.
    pub progress: Progress,
    /// Whether all runs of the whole plan, of all shards, are settled.
    pub is_finished: bool,
    /// The batch's id.
    pub batch: String,
    /// Arms that were stopped, and why.
    pub stopped_arms: Vec<(String, String)>,
    /// Arms with more unscored runs than the plan allows, with their share.
    pub too_many_unscored: Vec<(String, f64)>,
}
