//! What a prompt is made from, and what is wanted of its turn.

use std::path::PathBuf;

use super::hook::Hook;
use super::limits::Limits;
use super::watcher::Watcher;
use crate::client::wire::ModelName;
use crate::runner::asks::policy::Policy;
use crate::runner::conversation::find::Target;

/// A prompt.
#[derive(Clone, Debug)]
pub struct PromptOptions {
    /// What is said.
    pub message: String,
    /// Where.
    pub target: Target,
    /// Default: the session's, or else OpenCode's.
    pub agent: Option<String>,
    /// Default: the conversation's.
    pub model: Option<ModelName>,
    /// For example a reasoning effort.
    pub variant: Option<String>,
    /// What is attached.
    pub files: Vec<PathBuf>,
    /// What is added to the system prompt.
    pub system: Option<String>,
    /// A file with the JSON schema that the answer has to fit.
    pub schema: Option<PathBuf>,
}

/// On what terms a turn is followed.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What it may take.
    pub limits: Limits,
    /// What is answered to its asks.
    pub policy: Policy,
    /// Whom to tell.
    pub hook: Hook,
}

/// How a turn is followed.
pub struct Follow<'a> {
    /// What it may take, what is answered to it, and whom to tell.
    pub terms: Terms,
    /// Who watches.
    pub watcher: &'a mut dyn Watcher,
    /// What is wanted of it.
    pub wanted: Wanted,
}

/// What somebody wants to know of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// How it ended, and the answer. Of a turn that ended well the record may have nothing else.
    Answer,
    /// The whole record.
    Record,
    /// That, and the last message exactly as the server has it.
    Raw,
}
