//! What a conversation changed in the files, and the model's to-do list.

use serde::Deserialize;

use super::Element;
use super::lenient;

/// A message, of which only the changes are read.
#[derive(Clone, Debug, Deserialize)]
pub struct Changed {
    /// The message.
    pub info: ChangedInfo,
}

impl Element for Changed {}

/// See [`Changed`].
#[derive(Clone, Debug, Deserialize)]
pub struct ChangedInfo {
    /// Set on answers: the message that is answered.
    #[serde(default, rename = "parentID", deserialize_with = "lenient")]
    pub parent: Option<String>,
    /// Set on a user message once its turn is over.
    #[serde(default, deserialize_with = "lenient")]
    pub summary: Summary,
}

/// What a turn did to the files. Empty if the directory is not in a git repository.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Summary {
    /// The files that it changed.
    #[serde(default, deserialize_with = "lenient")]
    pub diffs: Vec<FilePatch>,
}

/// One changed file with its patch.
#[derive(Clone, Debug, Deserialize)]
pub struct FilePatch {
    /// Relative to the worktree.
    #[serde(default, alias = "path", deserialize_with = "lenient")]
    pub file: String,
    /// Lines added.
    #[serde(default, deserialize_with = "lenient")]
    pub additions: Option<f64>,
    /// Lines removed.
    #[serde(default, deserialize_with = "lenient")]
    pub deletions: Option<f64>,
    /// `added`, `modified` or `deleted`. Only newer servers send it.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
    /// A unified diff. Servers before 1.2 send none.
    #[serde(default, deserialize_with = "lenient")]
    pub patch: Option<String>,
}

/// One entry of `GET /session/ID/todo`.
#[derive(Clone, Debug, Deserialize)]
pub struct Todo {
    /// What is to be done.
    #[serde(default, deserialize_with = "lenient")]
    pub content: String,
    /// `pending`, `in_progress`, `completed` or `cancelled`.
    #[serde(default, deserialize_with = "lenient")]
    pub status: String,
    /// `high`, `medium` or `low`.
    #[serde(default, deserialize_with = "lenient")]
    pub priority: Option<String>,
}
