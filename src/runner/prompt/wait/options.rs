//! What `wait` can be asked for, and what it finds.

use std::time::Duration;

use crate::runner::turn::record::Failed;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Nothing goes on in the conversation and below it.
    Idle,
    /// The conversation, or one below it, wants a permission or an answer.
    Ask,
    /// The text of the newest turn contains this.
    Text(String),
    /// The server's process has ended.
    Dead,
}

/// What `wait` was asked for.
#[derive(Clone, Debug)]
pub struct WaitOptions {
    /// The conversations; if there are none, the one that occtl used last on the session is meant,
    /// or else the newest root one.
    pub conversations: Vec<String>,
    /// Whether it is enough if one of them reaches something.
    pub any: bool,
    /// What counts; any of it.
    pub until: Vec<Until>,
    /// For how long.
    pub timeout: Duration,
}

impl WaitOptions {
    /// Whether nothing but the end of the server counts, so that no conversation matters.
    pub(super) fn wants_only_death(&self) -> bool {
        self.until == [Until::Dead]
    }
}

/// A conversation, or the server, that reached something.
#[derive(Clone, Debug)]
pub struct Reached {
    /// `ses_…`; `None` if it is the server that died.
    pub conversation: Option<String>,
    /// What was reached.
    pub what: Milestone,
}

/// What can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// Nothing goes on any more; the error that the newest turn ended in, if it did.
    Idle(Option<Failed>),
    /// The ask of this id is pending.
    Ask(String),
    /// The text contains what was wanted.
    Text,
    /// The server's process has ended.
    Dead,
}

impl Milestone {
    /// The word for it in results.
    pub fn name(&self) -> &'static str {
        match self {
            Milestone::Idle(_) => "idle",
            Milestone::Ask(_) => "ask",
            Milestone::Text => "text",
            Milestone::Dead => "dead",
        }
    }

    /// The error that the newest turn ended in.
    pub fn error(&self) -> Option<&Failed> {
        match self {
            Milestone::Idle(error) => error.as_ref(),
            _ => None,
        }
    }

    /// The id of a pending ask.
    pub fn ask(&self) -> Option<&str> {
        match self {
            Milestone::Ask(id) => Some(id),
            _ => None,
        }
    }
}
