//! What is read of a result line: the few fields that decide what is still to be done.

use std::collections::HashSet;
use std::rc::Rc;

use serde::Deserialize;

use super::line::{RunResult, Stop};

/// The fields of a result line that a batch goes by. A line that lacks one of the required fields
/// is foreign. A batch holds one for each of its attempts, so what many lines repeat is shared
/// ([`Row::share`]).
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    r#type: LineType,
    schema: u32,
    /// The batch's id.
    pub batch: Rc<str>,
    /// The run's id.
    pub run_id: Rc<str>,
    /// From 1.
    pub attempt: u32,
    /// The task's id.
    pub task: Rc<str>,
    /// The arm's id.
    pub arm: Rc<str>,
    /// From 1.
    pub repeat: u32,
    /// `I/N`: the shard that recorded it.
    #[serde(default)]
    pub shard: Option<Rc<str>>,
    /// What came of it.
    pub result: RunResult,
    /// Why the agent ended.
    pub stop: Stop,
    /// From 0 to 1.
    #[serde(default)]
    pub score: Option<f64>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<Box<RowError>>,
    /// RFC 3339, UTC.
    #[serde(default)]
    pub started_at: Option<Box<str>>,
    /// From the prompt to the end of the turn.
    #[serde(default)]
    pub agent_ms: Option<u64>,
    /// Of this attempt.
    #[serde(default)]
    pub cost_usd: Option<f64>,
    /// Whether the cost is all of it.
    #[serde(default)]
    pub usage_complete: bool,
    /// Of the OpenCode program.
    #[serde(default)]
    pub opencode_sha256: Option<Rc<str>>,
    /// Relative to the directory of the batch.
    #[serde(default)]
    pub artifacts: Option<Box<str>>,
    /// The number of the recheck.
    #[serde(default)]
    pub recheck_of: Option<u32>,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Deserialize)]
pub struct RowError {
    /// A word for the kind.
    pub name: String,
    /// In words.
    pub message: String,
}

/// What tells a result line from other JSON.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LineType {
    /// The only one that is known.
    Result,
}

impl Row {
    /// Reads one line. `None` for what is no result line of a form that is known.
    pub fn read(line: &str) -> Option<Row> {
        let row: Row = serde_json::from_str(line).ok()?;
        // Every other type has failed to be read.
        let LineType::Result = row.r#type;
        (row.schema == super::line::SCHEMA).then_some(row)
    }

    /// Takes the texts that other rows have as well from `texts`, and adds those that are new.
    pub fn share(&mut self, texts: &mut HashSet<Rc<str>>) {
        let own = [&mut self.batch, &mut self.task, &mut self.arm].into_iter();
        for text in own.chain(&mut self.shard).chain(&mut self.opencode_sha256) {
            match texts.get(text) {
                Some(known) => *text = Rc::clone(known),
                None => {
                    texts.insert(Rc::clone(text));
                }
            }
        }
    }

    /// Whether something can be said of the agent, or nothing is to be said.
    pub fn is_scored(&self) -> bool {
        self.result != RunResult::Unscored
    }

    /// Whether it counts as one of the attempts of its run: what was ended from outside does not,
    /// and no more does a recheck.
    pub fn uses_an_attempt(&self) -> bool {
        self.stop != Stop::Interrupted && self.recheck_of.is_none()
    }

    /// What it cost by itself: a recheck repeats the cost of its attempt.
    pub fn own_cost(&self) -> Option<f64> {
        self.cost_usd.filter(|_| self.recheck_of.is_none())
    }

    /// Whether it was ended by a full disk, which ends every other run as well.
    pub fn is_of_full_disk(&self) -> bool {
        let full = |error: &RowError| error.name == "disk_full";
        self.stop == Stop::Interrupted && self.error.as_deref().is_some_and(full)
    }

    /// Whether provider or server were the cause, and not the task or a person.
    pub fn is_infrastructure(&self) -> bool {
        !self.is_scored()
            && matches!(self.stop, Stop::ProviderError | Stop::ServerError | Stop::Stall)
    }
}
