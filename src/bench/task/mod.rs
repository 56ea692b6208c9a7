//! A task: what an agent is asked for, what it finds, and how its work is checked.

pub mod find;
mod identity;
pub mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;

/// One task with all defaults filled in. Paths are absolute.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name in results; unique in a plan.
    pub id: String,
    /// Its directory; `None` for one that stands within the plan.
    pub directory: Option<PathBuf>,
    /// The prompt.
    pub instruction: String,
    /// What the agent finds.
    pub template: Template,
    /// A command that prepares the tree, for the agent and for the check alike; may be empty.
    pub setup: Vec<String>,
    /// The command that judges; empty if nothing does.
    pub check: Vec<String>,
    /// Files, or a directory with a program `solve.sh`, that make the check pass.
    pub solution: Option<PathBuf>,
    /// Globs: only these files leave the agent's tree. Empty means all.
    pub answer: Vec<String>,
    /// Globs of the template that the agent never sees.
    pub hide: Vec<String>,
    /// What is laid over the tree when it is checked.
    pub hidden: Option<PathBuf>,
    /// Globs that are restored before the check.
    pub protect: Vec<String>,
    /// The container image for `{image}` of `wrap`.
    pub image: Option<String>,
    /// What it can be selected by.
    pub tags: Vec<String>,
    /// How often the agent may try, at least 1.
    pub tries: u32,
    /// Variables for agent, setup and check.
    pub env: BTreeMap<String, String>,
    /// What a run may use.
    pub limits: TaskLimits,
    /// SHA-256 of all that belongs to the task, in hexadecimal.
    pub sha256: String,
}

/// Where a task's tree comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// Nothing is there.
    Empty,
    /// The files of a directory.
    Directory(PathBuf),
    /// The tree of one revision of a git repository, without its history.
    Git {
        /// A URL or a path.
        url: String,
        /// A commit, branch or tag.
        reference: String,
    },
}

/// What a run of a task may use. What is `None` is not limited. In seconds, as in the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskLimits {
    /// From the prompt to the end of the turn.
    pub wall_s: f64,
    /// The same without waiting for the provider.
    pub working_s: Option<f64>,
    /// Without any progress.
    pub stall_s: f64,
    /// For the command that prepares.
    pub setup_s: f64,
    /// For the command that checks.
    pub check_s: f64,
    /// US dollars of one run.
    pub cost_usd: Option<f64>,
    /// Calls of the model.
    pub steps: Option<u64>,
}

impl Default for TaskLimits {
    fn default() -> TaskLimits {
        TaskLimits {
            wall_s: 900.0,
            working_s: None,
            stall_s: 180.0,
            setup_s: 120.0,
            check_s: 120.0,
            cost_usd: None,
            steps: None,
        }
    }
}
