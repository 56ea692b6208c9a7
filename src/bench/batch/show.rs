//! One run of a batch, as a person reads it.

use std::path::Path;

use serde_json::Value;

use super::directory::Directory;
use super::ledger_of;
use crate::bench::results::row::Row;
use crate::bench::results::stored::Stored;
use crate::bench::schedule::Run;
use crate::error::{Error, Result};

/// One run with its newest attempt.
pub struct Shown {
    /// What the agent was told.
    pub prompt: String,
    /// All attempts, the oldest first, each followed by its rechecks.
    pub attempts: Vec<Row>,
    /// The newest attempt's line, as it was stored.
    pub line: Value,
    /// The record of its turn; null if there is none.
    pub turn: Value,
    /// What the agent changed.
    pub patch: Option<String>,
    /// What the check printed.
    pub check: Option<String>,
    /// What does not count of what the agent left.
    pub notes: Option<String>,
    /// Where its files are.
    pub place: Option<String>,
}

/// Finds a run by the beginning of its id, or as `TASK/ARM/REPEAT`.
pub fn show(path: &Path, word: &str) -> Result<Shown> {
    let directory = Directory::open(path)?;
    let plan = directory.plan()?;
    let ledger = ledger_of(&directory, &plan)?;
    let name =
        |run: &Run| format!("{}/{}/{}", plan.tasks[run.task].id, plan.arms[run.arm].id, run.repeat);
    let meant = |run: &&Run| run.id.starts_with(word) || name(run) == word;
    let mut found = ledger.runs.iter().filter(meant);
    let run = match (found.next(), found.next()) {
        (Some(run), None) => run,
        (None, _) => {
            return Err(Error::not_found(format!("{} has no run {word}", path.display()))
                .hint("a RUN_ID or its beginning, or TASK/ARM/REPEAT"));
        }
        (Some(one), Some(other)) => {
            let both = format!("{} and {}", name(one), name(other));
            return Err(Error::not_found(format!("more than one run is {word}: {both}")));
        }
    };
    let attempts: Vec<Row> = ledger.lines.attempts(&run.id).cloned().collect();
    let (task, arm) = (&plan.tasks[run.task], &plan.arms[run.arm]);
    let stored = attempts.last().and_then(|row| Stored::of(path, row));
    let json = |name: &str| stored.as_ref().map_or(Value::Null, |stored| stored.json(name));
    let text = |name: &str| stored.as_ref().and_then(|stored| stored.text(name));
    Ok(Shown {
        prompt: arm.prompt.replace("{instruction}", &task.instruction),
        line: json("result.json"),
        turn: json("turn.json"),
        patch: text("answer.patch"),
        check: text("check.txt"),
        notes: text("notes.txt"),
        place: stored.as_ref().map(|stored| stored.path("").display().to_string()),
        attempts,
    })
}
