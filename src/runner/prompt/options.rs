//! What a prompt is made from, and what is wanted of its turn.

use std::path::PathBuf;
use std::time::Instant;

use super::hook::Hook;
use super::limits::Limits;
use super::mentions::Mention;
use super::watcher::Watcher;
use crate::client::wire::ModelName;
use crate::runner::asks::policy::Policy;
use crate::runner::conversation::find::Target;

/// A prompt.
#[derive(Clone, Debug)]
pub struct PromptOptions {
    /// Its text, or the arguments of a command.
    pub message: String,
    /// The command of OpenCode that makes the prompt.
    pub command: Option<String>,
    /// The files and agents that the text mentions, as far as they are to be resolved.
    pub mentions: Vec<Mention>,
    /// The conversation that it goes to.
    pub target: Target,
    /// Whether it waits until nothing goes on there.
    pub queue: bool,
    /// The agent; by default the session's, or else OpenCode's.
    pub agent: Option<String>,
    /// The model; by default the conversation's.
    pub model: Option<ModelName>,
    /// The model of a new conversation if neither this prompt nor the session names an agent.
    pub default_model: Option<ModelName>,
    /// The model's variant, for example a reasoning effort.
    pub variant: Option<String>,
    /// Files to attach.
    pub files: Vec<PathBuf>,
    /// Text that is added to the system prompt.
    pub system: Option<String>,
    /// A file with the JSON schema that the answer has to fit.
    pub schema: Option<PathBuf>,
}

impl PromptOptions {
    /// A message to a conversation, and nothing else.
    pub fn new(message: String, target: Target) -> PromptOptions {
        PromptOptions {
            message,
            command: None,
            mentions: Vec::new(),
            target,
            queue: false,
            agent: None,
            model: None,
            default_model: None,
            variant: None,
            files: Vec::new(),
            system: None,
            schema: None,
        }
    }
}

/// On what terms a turn is followed.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What it may use.
    pub limits: Limits,
    /// What is answered to its asks.
    pub policy: Policy,
    /// The program that is told what happens.
    pub hook: Hook,
}

impl Terms {
    /// What is left of them, if their time began at an earlier moment.
    pub fn after(mut self, began: Instant) -> Terms {
        let limits = &mut self.limits;
        limits.rest_of.get_or_insert(limits.timeout);
        limits.timeout = limits.timeout.saturating_sub(began.elapsed());
        self
    }
}

/// How a turn is followed.
pub struct Follow<'a> {
    /// Its limits, the answers to its asks, and the hook.
    pub terms: Terms,
    /// Gets its text.
    pub watcher: &'a mut dyn Watcher,
    /// What is to be found out about it.
    pub wanted: Wanted,
}

/// What is to be found out about a turn. Less costs fewer requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// How it ended, and the answer. If it ended well, the record may lack everything else.
    Answer,
    /// The whole record.
    Record,
    /// The whole record, and the last message exactly as the server has it.
    Raw,
}
