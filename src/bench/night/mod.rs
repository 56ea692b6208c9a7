//! What came of a batch, read for reports and comparisons.
//!
//! Architecture invariant: a night holds no text that grows with the number of runs, so that
//! 100,000 lines fit into the memory that a report may have. What a report shows of one run is read
//! again from its files.

mod line;
mod read;
#[cfg(test)]
pub mod sketch;
#[cfg(test)]
mod tests;
mod texts;

use std::path::PathBuf;

use super::hash;
use super::plan::Plan;
use super::results::line::{RunResult, Stop};
use texts::{TextId, Texts};

/// A batch with what is recorded of it.
#[derive(Debug)]
pub struct Night {
    /// The directory, as the caller named it.
    pub directory: PathBuf,
    /// The batch's id.
    pub batch: String,
    /// The plan that the batch goes by.
    pub plan: Plan,
    /// Every run of the plan, in the order of the schedule.
    pub runs: Vec<NightRun>,
    /// How many attempts are recorded of them.
    pub attempts: usize,
    /// How many recorded runs the plan no longer has.
    pub not_in_plan: usize,
    /// How many lines are no results of this batch.
    pub foreign: usize,
    /// Of each arm the places of its runs: a report asks for them many times.
    by_arm: Vec<Vec<usize>>,
    texts: Texts,
}

/// One run of the plan.
#[derive(Debug)]
pub struct NightRun {
    /// What names it, as the bytes of the hexadecimal digits in the results.
    pub id: [u8; 32],
    /// The task's place in the plan.
    pub task: usize,
    /// The arm's place in the plan.
    pub arm: usize,
    /// From 1.
    pub repeat: u32,
    /// The newest line of its newest attempt; `None` if nothing is recorded.
    pub counts: Option<Counted>,
    /// What all its attempts cost, in US dollars; `None` if that is known of none.
    pub spent_usd: Option<f64>,
    /// Whether the cost of each attempt is known completely.
    pub spent_complete: bool,
}

/// The line of a run that counts. Times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The attempt that it is about, from 1.
    pub attempt: u32,
    /// The recheck that it comes from.
    pub recheck: Option<u32>,
    /// What came of it.
    pub result: RunResult,
    /// Why the agent ended.
    pub stop: Stop,
    /// From 0 to 1.
    pub score: Option<f64>,
    /// When the attempt began, since 1970.
    pub started_ms: Option<i64>,
    /// From the prompt to the first text.
    pub first_token_ms: Option<u64>,
    /// From the prompt to the end of the turn.
    pub agent_ms: Option<u64>,
    /// Preparing, starting the server, the turn and the check together.
    pub took_ms: Option<u64>,
    /// Calls of the model.
    pub steps: Option<u64>,
    /// Tokens of all kinds together.
    pub tokens: Option<u64>,
    /// US dollars of this attempt.
    pub cost_usd: Option<f64>,
    /// Whether tokens and cost are all that was used.
    pub usage_complete: bool,
    /// How many runs went on at once.
    pub jobs: Option<u32>,
    version: TextId,
    program: TextId,
    host: TextId,
    error: TextId,
}

impl Counted {
    /// Whether a limit ended the turn, so that it would have taken longer.
    pub fn is_censored(&self) -> bool {
        use Stop::{CostLimit, Stall, StepLimit, WallLimit, WorkingLimit};
        matches!(self.stop, WallLimit | WorkingLimit | Stall | CostLimit | StepLimit)
    }
}

impl Night {
    /// What the server of a run said of its version.
    pub fn version(&self, line: &Counted) -> Option<&str> {
        self.texts.get(line.version)
    }

    /// The hash of the OpenCode program that a run used, in hexadecimal.
    pub fn program(&self, line: &Counted) -> Option<&str> {
        self.texts.get(line.program)
    }

    /// The machine of a run.
    pub fn host(&self, line: &Counted) -> Option<&str> {
        self.texts.get(line.host)
    }

    /// Why a run has no result, or what its agent met: the name of the error.
    pub fn error(&self, line: &Counted) -> Option<&str> {
        self.texts.get(line.error)
    }

    /// The runs of one arm.
    pub fn of_arm(&self, arm: usize) -> impl Iterator<Item = &NightRun> {
        self.by_arm[arm].iter().map(|at| &self.runs[*at])
    }

    /// Takes the runs of the plan.
    fn set_runs(&mut self, runs: Vec<NightRun>) {
        self.by_arm = vec![Vec::new(); self.plan.arms.len()];
        for (at, run) in runs.iter().enumerate() {
            self.by_arm[run.arm].push(at);
        }
        self.runs = runs;
    }

    /// The place of an arm in the plan.
    pub fn arm(&self, id: &str) -> Option<usize> {
        self.plan.arms.iter().position(|arm| arm.id == id)
    }

    /// Runs of which nothing is recorded, or only attempts that were ended from outside.
    pub fn left(&self) -> usize {
        self.runs.iter().filter(|run| run.is_left()).count()
    }

    /// When the first attempt that counts began, in milliseconds since 1970.
    pub fn started_ms(&self) -> Option<i64> {
        self.runs.iter().filter_map(|run| run.counts.as_ref()?.started_ms).min()
    }
}

impl NightRun {
    /// Whether it is still to be done: nothing is recorded but interruptions.
    pub fn is_left(&self) -> bool {
        self.counts
            .as_ref()
            .is_none_or(|line| line.result == RunResult::Unscored && line.stop == Stop::Interrupted)
    }

    /// What came of it; `Unscored` where nothing is recorded.
    pub fn result(&self) -> RunResult {
        self.counts.as_ref().map_or(RunResult::Unscored, |line| line.result)
    }

    /// Its id as results have it.
    pub fn hexadecimal(&self) -> String {
        hash::hexadecimal(&self.id)
    }
}
