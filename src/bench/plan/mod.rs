//! A plan: which arms are tried on which tasks, and how often.

mod arms;
mod read;
#[cfg(test)]
mod tests;
mod wrap;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::task::Task;
pub use arms::plain;
pub use read::{MOST_REPEATS, outline};

/// A plan with all defaults filled in, globs and `matrix` expanded. Paths are absolute.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The directory of the plan's file: relative paths begin there.
    pub directory: PathBuf,
    /// Its name.
    pub name: String,
    /// What all random choices begin with.
    pub seed: u64,
    /// How often each arm runs on each task.
    pub repeats: u32,
    /// The tasks, in the order of the plan.
    pub tasks: Vec<Task>,
    /// The arms, in the order of the plan.
    pub arms: Vec<Arm>,
    /// The arm that others are compared with.
    pub base: Option<String>,
    /// When a comparison alarms.
    pub gate: Gate,
    /// How often a run that could not be scored is attempted, the first attempt included.
    pub max_attempts: u32,
    /// How long an outage may last before the batch ends, in seconds.
    pub hold_s: f64,
    /// The share of an arm's runs that may stay unscored.
    pub max_unscored: f64,
    /// What all attempts together may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// How many runs of a model (`provider/model`) may go on at once.
    pub max_parallel: BTreeMap<String, u32>,
    /// Variables for agent, setup and check.
    pub env: BTreeMap<String, String>,
    /// Names of the caller's variables that the agent gets. Their values are secrets.
    pub pass_env: Vec<String>,
    /// What goes before the command of an agent's or a check's process.
    pub wrap: Vec<String>,
    /// The command that ends what `wrap` started.
    pub wrap_kill: Vec<String>,
    /// Whether agents get the user's keys.
    pub auth: Auth,
    /// SHA-256 of the plan as resolved, in hexadecimal.
    pub sha256: String,
}

/// One way to run a task.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Its name in results; unique in a plan.
    pub id: String,
    /// `provider/model`; `None` for what the configuration says.
    pub model: Option<String>,
    /// The agent; `None` for OpenCode's default.
    pub agent: Option<String>,
    /// The model's variant.
    pub variant: Option<String>,
    /// The OpenCode program: a path, or a name that is looked for in PATH.
    pub opencode: String,
    /// OpenCode's configuration, an object.
    pub config: Value,
    /// A directory that is laid over the tree before its first commit.
    pub overlay: Option<PathBuf>,
    /// The prompt, in which `{instruction}` stands for the task's.
    pub prompt: String,
    /// A policy as `--policy` takes it.
    pub policy: Value,
    /// What the model costs, where OpenCode does not know.
    pub prices: Option<Prices>,
    /// Variables for the agent alone.
    pub env: BTreeMap<String, String>,
    /// SHA-256 of the overlay's files, in hexadecimal.
    pub overlay_sha256: Option<String>,
    /// How many arms before it in the plan are the same but for their names. Their runs would
    /// otherwise have the same ids, and comparing an arm with itself is a good test of a plan.
    pub twin: u32,
}

/// US dollars for a million tokens. Reasoning is billed as output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Of the prompt.
    pub input: f64,
    /// Of the answer.
    pub output: f64,
    /// Read from the provider's cache.
    pub cache_read: f64,
    /// Written to it.
    pub cache_write: f64,
}

/// When a comparison of two arms alarms.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// Whether it speaks of these very tasks, or of tasks like these.
    pub infer: Infer,
    /// The share of false alarms.
    pub alpha: f64,
    /// The drop that is small enough to be fine.
    pub margin: f64,
    /// 0.2 is 20 %; `None` if cost is no reason for an alarm.
    pub max_cost_increase: Option<f64>,
    /// The same for tokens.
    pub max_tokens_increase: Option<f64>,
}

/// What a comparison speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Infer {
    /// These very tasks.
    Runs,
    /// Tasks like these.
    Tasks,
}

/// Where agents have their keys from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Only from `pass_env`.
    None,
    /// The user's API keys of the providers in use are copied.
    Copy,
}

impl Plan {
    /// The same plan with one task and one arm, by their places: what one run needs to know.
    /// Nothing of the other tasks is copied, because this is done for each run.
    pub fn narrowed(&self, task: usize, arm: usize) -> Plan {
        Plan {
            directory: self.directory.clone(),
            name: self.name.clone(),
            seed: self.seed,
            repeats: self.repeats,
            tasks: vec![self.tasks[task].clone()],
            arms: self.arms.get(arm).cloned().into_iter().collect(),
            base: self.base.clone(),
            gate: self.gate.clone(),
            max_attempts: self.max_attempts,
            hold_s: self.hold_s,
            max_unscored: self.max_unscored,
            budget_usd: self.budget_usd,
            max_parallel: self.max_parallel.clone(),
            env: self.env.clone(),
            pass_env: self.pass_env.clone(),
            wrap: self.wrap.clone(),
            wrap_kill: self.wrap_kill.clone(),
            auth: self.auth,
            sha256: self.sha256.clone(),
        }
    }
}
