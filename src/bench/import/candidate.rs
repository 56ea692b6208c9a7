//! What may be a task, and what comes of it.

use std::path::Path;

use serde_json::Value;

use crate::error::Error;

/// Something in the source that may be a task.
pub struct Candidate {
    /// Its name in the source.
    pub name: String,
    /// What its id begins as.
    pub id: String,
    /// Writes its files into a directory.
    pub make: Box<dyn Fn(&Path) -> Made>,
}

/// A task, apart from the files that are written already.
pub struct Draft {
    /// The prompt.
    pub instruction: String,
    /// The content of its `task.json`.
    pub keys: Value,
    /// The path under which its tests and its prompt know the working directory.
    pub workdir: Option<String>,
    /// What of it works otherwise than where it comes from.
    pub notes: Vec<String>,
}

/// What comes of a candidate.
pub type Made = std::result::Result<Draft, Refusal>;

/// All that was found in a source.
pub struct Found {
    /// What may be tasks.
    pub candidates: Vec<Candidate>,
    /// What helps with what is refused.
    pub hint: Option<String>,
}

/// Why something is not imported.
pub enum Refusal {
    /// This task alone, for this reason.
    Task(String),
    /// Nothing can be, because nothing can be written.
    All(Error),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Refusal {
        Refusal::Task(reason)
    }
}
