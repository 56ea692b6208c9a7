//! A run that is exported: its newest attempt, as it counts.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::counts::Counts;
use crate::bench::plan::Arm;
use crate::bench::results::line::{LineTokens, RunResult};
use crate::bench::results::row::Row;
use crate::bench::results::stored::Stored;
use crate::bench::schedule::Run;
use crate::bench::task::Task;

/// The agent of every run.
pub const AGENT: &str = "opencode";

/// Why a run is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// No attempt is recorded.
    NotRun,
    /// The file is not there.
    NoTranscript,
    /// It says nothing that can be read.
    NoMessages,
    /// Nothing can be said of the agent.
    Unscored,
    /// Nothing was changed.
    NoPatch,
    /// The patch is not in UTF-8, and JSON cannot hold it.
    NotText,
    /// The patch is larger than any that is read.
    TooLarge,
}

impl Lack {
    /// A word, and the same in words.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Lack::NotRun => ("not_run", "it has not run yet"),
            Lack::NoTranscript => ("no_transcript", "its attempt has no transcript"),
            Lack::NoMessages => ("no_messages", "its transcript has no message that can be read"),
            Lack::Unscored => ("unscored", "its attempt has no result"),
            Lack::NoPatch => ("no_patch", "the agent changed nothing"),
            Lack::NotText => ("not_text", "its patch is not UTF-8, and JSON cannot hold it"),
            Lack::TooLarge => ("too_large", "its patch is larger than 16 MiB"),
        }
    }
}

/// What was made of a run.
pub struct Made {
    /// Where it is, below the output.
    pub file: String,
    /// What is missing of it, in words.
    pub notes: Vec<String>,
}

/// A run with what is recorded of its newest attempt.
pub struct Taken<'a> {
    /// Its task.
    pub task: &'a Task,
    /// Its arm.
    pub arm: &'a Arm,
    /// Its place in the plan.
    pub run: &'a Run,
    /// The row that counts: of a recheck, if there was one.
    pub row: &'a Row,
    /// Its files.
    pub stored: Option<Stored>,
    /// Its result line with what a recheck has changed; null if it is not there.
    pub line: Value,
}

impl<'a> Taken<'a> {
    /// Reads what a row is about from the directory of a batch.
    pub fn of(
        batch: &Path,
        (task, arm, run): (&'a Task, &'a Arm, &'a Run),
        row: &'a Row,
    ) -> Taken<'a> {
        let stored = Stored::of(batch, row);
        let line = stored.as_ref().map_or(Value::Null, |stored| stored.line(row));
        Taken { task, arm, run, row, stored, line }
    }

    /// What the attempt used; `None` if that is not known.
    pub fn counts(&self) -> Option<Counts> {
        let tokens = LineTokens::deserialize(&self.line["tokens"]).ok();
        tokens.map(Counts::of_line)
    }

    /// US dollars of the attempt; `None` if that is not known.
    pub fn cost_usd(&self) -> Option<f64> {
        self.row.cost_usd.filter(|cost| cost.is_finite())
    }

    /// The provider and the model that were used, or else were asked for.
    pub fn model(&self) -> Option<(&str, &str)> {
        let model = &self.line["model"];
        let used = model["provider"].as_str().zip(model["id"].as_str());
        used.or_else(|| self.arm.model.as_deref()?.split_once('/'))
    }

    /// The same as one name.
    pub fn model_name(&self) -> Option<String> {
        self.model().map(|(provider, id)| format!("{provider}/{id}"))
    }

    /// What the server said of its version.
    pub fn version(&self) -> &str {
        self.line["opencode_version"].as_str().unwrap_or("unknown")
    }

    /// From 0 to 1, for a run that was scored.
    pub fn reward(&self) -> Option<f64> {
        let plain = match self.row.result {
            RunResult::Pass => 1.0,
            RunResult::Fail => 0.0,
            RunResult::Unscored | RunResult::Ungraded => return None,
        };
        Some(self.row.score.filter(|score| (0.0..=1.0).contains(score)).unwrap_or(plain))
    }
}
