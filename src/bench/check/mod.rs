//! Checks an answer in a fresh copy of the task, where nothing else of the agent is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::results::line::{LineError, Verdict};
use super::site::Site;
use super::workspace::{Answer, Workspace};

/// What a check said of an answer.
pub struct Graded {
    /// `Ungraded` if the task has no check.
    pub verdict: Verdict,
    /// The check's status; 128 + N for signal N; `None` if it did not end by itself.
    pub exit: Option<i32>,
    /// From 0 to 1; `None` if it is not scored.
    pub score: Option<f64>,
    /// What the check measured.
    pub metrics: BTreeMap<String, Value>,
    /// How long the check ran.
    pub check_ms: Option<u64>,
    /// What it printed, bounded, below the run's directory; `None` if it did not run.
    pub output: Option<PathBuf>,
    /// Why there is no verdict; the kinds are those of `Trouble`.
    pub error: Option<LineError>,
    /// What was dropped of the answer, in words.
    pub notes: Vec<String>,
}

/// Checks an answer. May be called again after another try.
pub fn grade(_site: &Site, _workspace: &Workspace, _answer: &Answer) -> Graded {
    todo!()
}
