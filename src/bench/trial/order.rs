//! What the parent tells a trial, and the trial's agent.

use std::path::PathBuf;

use crate::bench::plan::Plan;

/// What a trial is to do. It travels as a file of JSON.
#[derive(Clone, Debug)]
pub struct TrialOrder {
    /// A plan with exactly one task and one arm.
    pub plan: Plan,
    /// The hash of the whole plan.
    pub plan_sha256: String,
    /// The batch's id.
    pub batch: String,
    /// The run's id.
    pub run_id: String,
    /// From 1.
    pub attempt: u32,
    /// From 1.
    pub repeat: u32,
    /// The number of task × repeat in the order of the plan.
    pub block: u64,
    /// `I/N`.
    pub shard: String,
    /// How many runs go on at once.
    pub jobs: u32,
    /// How long it was due before it was started.
    pub queue_ms: u64,
    /// What earlier attempts cost, if that is known.
    pub spent_usd: Option<f64>,
    /// The private directory of this run, with a random name. Its last component is also the mark
    /// that everything started for this run carries in its environment.
    pub scratch: PathBuf,
    /// The data directory for occtl sessions that all trials of this host share.
    pub data: PathBuf,
    /// Where the attempt's files and its result line (`result.json`) go: absolute.
    pub artifacts: PathBuf,
    /// The same, relative to the directory of the batch.
    pub artifacts_name: String,
    /// Where the working tree goes after a failure (`fail`) or always (`all`); `None` for never.
    pub keep: Option<PathBuf>,
    /// Whether a tree is kept although the run passed.
    pub keep_all: bool,
    /// The hash that the OpenCode program had at the first run of this arm.
    pub opencode_sha256: Option<String>,
}
