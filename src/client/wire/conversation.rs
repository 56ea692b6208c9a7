//! What conversations are and what they are doing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Element, Rule, Time, Tokens, id, lenient};

/// A conversation: what the server calls a session.
#[derive(Clone, Debug, Deserialize)]
pub struct Conversation {
    /// `ses_…`.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// Set on conversations of sub-agents only. A fork has no parent.
    #[serde(default, rename = "parentID", deserialize_with = "lenient")]
    pub parent: Option<String>,
    /// The directory that every call about the conversation must carry.
    #[serde(default, deserialize_with = "lenient")]
    pub directory: Option<String>,
    /// When it was created and last changed.
    #[serde(default, deserialize_with = "lenient")]
    pub time: Time,
    /// The model makes one up unless a client gave one.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// US dollars of this conversation alone. Only newer servers send it. A fork starts with the
    /// cost of the messages that it copied.
    #[serde(default, deserialize_with = "lenient")]
    pub cost: Option<f64>,
    /// Tokens of this conversation alone. Only newer servers send it.
    #[serde(default, deserialize_with = "lenient")]
    pub tokens: Option<Tokens>,
}

impl Element for Conversation {}

/// A conversation that was opened just now, as the server has it.
#[derive(Clone, Debug, Deserialize)]
pub struct OpenedConversation {
    /// `ses_…`.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// Its directory.
    #[serde(default, deserialize_with = "lenient")]
    pub directory: Option<String>,
    /// Its own rules.
    #[serde(default, deserialize_with = "lenient")]
    pub permission: Vec<Rule>,
}

/// A conversation, of which only its own rules are read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct OwnRules {
    /// Appended to all configured rules. A fork does not inherit them.
    #[serde(default, deserialize_with = "lenient")]
    pub permission: Vec<Rule>,
}

/// What a conversation is doing. An idle conversation is absent from the list.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Activity {
    /// Whether it works, waits for its provider, or neither.
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub kind: ActivityKind,
    /// For `retry`: the number of the coming attempt.
    #[serde(default, deserialize_with = "lenient")]
    pub attempt: Option<f64>,
    /// For `retry`: why the attempt before failed.
    #[serde(default, deserialize_with = "lenient")]
    pub message: Option<String>,
}

/// What a conversation is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivityKind {
    /// No turn is running.
    Idle,
    /// A turn waits before it tries its provider again.
    Retry,
    /// A turn is running. This includes kinds that are not known.
    #[default]
    #[serde(other)]
    Busy,
}

impl Activity {
    /// Whether a turn is running.
    pub fn is_busy(&self) -> bool {
        self.kind != ActivityKind::Idle
    }
}

/// `GET /session/status`.
pub type Activities = BTreeMap<String, Activity>;

/// Whether a server lists a conversation as busy.
pub fn is_busy(activities: &Activities, conversation: &str) -> bool {
    activities.get(conversation).is_some_and(Activity::is_busy)
}

/// The body of `POST /session`. The server refuses unknown fields.
#[derive(Debug, Default, Serialize)]
pub struct NewConversation<'a> {
    /// Without a title the server asks the model for one, which costs a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// Appended to all configured rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permission: Vec<Rule>,
}
