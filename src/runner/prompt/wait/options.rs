//! What `wait` can be asked for, and what it tells.

use std::time::Duration;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Nothing goes on in the conversation and below it.
    Idle,
    /// It or one below it wants a permission or an answer.
    Ask,
    /// The text of its newest turn holds this.
    Text(String),
    /// The server's process has ended.
    Dead,
}

/// What `wait` was asked for.
#[derive(Clone, Debug)]
pub struct WaitOptions {
    /// Which conversations; none means the newest root one.
    pub conversations: Vec<String>,
    /// Whether one that reaches it is enough.
    pub any: bool,
    /// What counts; any of them.
    pub until: Vec<Until>,
    /// How long.
    pub timeout: Duration,
}

/// A conversation that reached something.
#[derive(Clone, Debug)]
pub struct Reached {
    /// `ses_…`; `None` if it is the server that died.
    pub conversation: Option<String>,
    /// `idle`, `ask`, `text` or `dead`.
    pub what: &'static str,
    /// Of an ask: its id.
    pub ask: Option<String>,
}
