//! What the parent tells a trial, and the trial's agent.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bench::plan::Plan;
use crate::error::{Error, Result};

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

impl TrialOrder {
    /// The order as its file holds it.
    pub fn to_json(&self) -> Value {
        json!({
            "plan": self.plan.to_json(), "plan_sha256": self.plan_sha256, "batch": self.batch,
            "run_id": self.run_id, "attempt": self.attempt, "repeat": self.repeat,
            "block": self.block, "shard": self.shard, "jobs": self.jobs,
            "queue_ms": self.queue_ms, "spent_usd": self.spent_usd, "scratch": self.scratch,
            "data": self.data, "artifacts": self.artifacts,
            "artifacts_name": self.artifacts_name, "keep": self.keep, "keep_all": self.keep_all,
            "opencode_sha256": self.opencode_sha256,
        })
    }

    /// Reads the file of an order.
    pub fn read(path: &Path) -> Result<TrialOrder> {
        let (plan, value) = read_order(path)?;
        let word = |key: &str| value[key].as_str().map(String::from);
        let place = |key: &str| word(key).map(PathBuf::from);
        let number = |key: &str| value[key].as_u64();
        let small = |key: &str| number(key).and_then(|number| u32::try_from(number).ok());
        let read = || {
            Some(TrialOrder {
                plan,
                plan_sha256: word("plan_sha256")?,
                batch: word("batch")?,
                run_id: word("run_id")?,
                attempt: small("attempt")?,
                repeat: small("repeat")?,
                block: number("block")?,
                shard: word("shard")?,
                jobs: small("jobs")?,
                queue_ms: number("queue_ms")?,
                spent_usd: value["spent_usd"].as_f64(),
                scratch: place("scratch")?,
                data: place("data")?,
                artifacts: place("artifacts")?,
                artifacts_name: word("artifacts_name")?,
                keep: place("keep"),
                keep_all: value["keep_all"].as_bool()?,
                opencode_sha256: word("opencode_sha256"),
            })
        };
        read().ok_or_else(|| no_order(path, "a key is missing"))
    }
}

/// Reads the file of an order: its plan, of exactly one task and one arm, and its other keys.
pub fn read_order(path: &Path) -> Result<(Plan, Value)> {
    let wrong = |why: &str| no_order(path, why);
    // Anything else, for example a pipe, could be read for ever.
    if !path.is_file() {
        return Err(wrong("it is not a plain file"));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    let mut value: Value =
        serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let name = path.display().to_string();
    let plan = Plan::resolved(value["plan"].take().to_string(), &name)?;
    if plan.tasks.len() != 1 || plan.arms.len() != 1 {
        return Err(wrong("it has not exactly one task and one arm"));
    }
    Ok((plan, value))
}

/// A file that cannot be carried out.
pub fn no_order(path: &Path, why: &str) -> Error {
    Error::failed(format!("{} is no order: {why}", path.display()))
}
