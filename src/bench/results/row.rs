//! What is read of a result line: the few fields that decide what is still to be done.

use serde::Deserialize;

/// The fields of a result line that a batch goes by. A line that lacks one of the required fields
/// is foreign.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    r#type: LineType,
    schema: u32,
    /// The batch's id.
    pub batch: String,
    /// The run's id.
    pub run_id: String,
    /// From 1.
    pub attempt: u32,
    /// The task's id.
    pub task: String,
    /// The arm's id.
    pub arm: String,
    /// From 1.
    pub repeat: u32,
    /// `I/N`: the shard that recorded it.
    #[serde(default)]
    pub shard: Option<String>,
    /// `pass`, `fail`, `unscored` or `ungraded`.
    pub result: String,
    /// Why the agent ended.
    pub stop: String,
    /// From 0 to 1.
    #[serde(default)]
    pub score: Option<f64>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<RowError>,
    /// RFC 3339, UTC.
    #[serde(default)]
    pub started_at: Option<String>,
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
    pub opencode_sha256: Option<String>,
    /// Relative to the directory of the batch.
    #[serde(default)]
    pub artifacts: Option<String>,
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
    pub fn read(line: &[u8]) -> Option<Row> {
        let row: Row = serde_json::from_slice(line).ok()?;
        // Every other type has failed to be read.
        let LineType::Result = row.r#type;
        (row.schema == super::line::SCHEMA).then_some(row)
    }

    /// Whether something can be said of the agent, or nothing is to be said.
    pub fn is_scored(&self) -> bool {
        self.result != "unscored"
    }

    /// Whether it counts as one of the attempts of its run: what was ended from outside does not,
    /// and no more does a recheck.
    pub fn uses_an_attempt(&self) -> bool {
        self.stop != "interrupted" && self.recheck_of.is_none()
    }

    /// What it cost by itself: a recheck repeats the cost of its attempt.
    pub fn own_cost(&self) -> Option<f64> {
        self.cost_usd.filter(|_| self.recheck_of.is_none())
    }

    /// Whether it was ended by a full disk, which ends every other run as well.
    pub fn is_of_full_disk(&self) -> bool {
        let full = |error: &RowError| error.name == "disk_full";
        self.stop == "interrupted" && self.error.as_ref().is_some_and(full)
    }

    /// Whether provider or server were the cause, and not the task or a person.
    pub fn is_infrastructure(&self) -> bool {
        !self.is_scored()
            && matches!(self.stop.as_str(), "provider_error" | "server_error" | "stall")
    }
}
