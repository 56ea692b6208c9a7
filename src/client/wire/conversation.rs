//! Conversations: what they are, what they do and what they changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Rule, Time, Tokens, lenient};

/// A conversation: what the server calls a session.
#[derive(Clone, Debug, Deserialize)]
pub struct Conversation {
    /// `ses_…`.
    pub id: String,
    /// Set on sub-agents' conversations only; a fork has none.
    #[serde(default, rename = "parentID", deserialize_with = "lenient")]
    pub parent: Option<String>,
    /// Every call about the conversation must carry it.
    #[serde(default, deserialize_with = "lenient")]
    pub directory: Option<String>,
    /// Created and updated.
    #[serde(default, deserialize_with = "lenient")]
    pub time: Time,
    /// Made up by the model unless somebody gave one.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// US dollars of this conversation alone; only newer servers tell. A fork's begins with that of the
    /// messages that it copied.
    #[serde(default, deserialize_with = "lenient")]
    pub cost: Option<f64>,
    /// Tokens of this conversation alone; only newer servers tell.
    #[serde(default, deserialize_with = "lenient")]
    pub tokens: Option<Tokens>,
}

/// Of a conversation only its own rules.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct OwnRules {
    /// Appended after all configured rules. A fork does not inherit them.
    #[serde(default, deserialize_with = "lenient")]
    pub permission: Vec<Rule>,
}

/// What a conversation is doing; an idle one is absent from the list.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Activity {
    /// `busy`, `retry` or `idle`.
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// Of `retry`: which one it will be.
    #[serde(default, deserialize_with = "lenient")]
    pub attempt: Option<f64>,
    /// Of `retry`: why.
    #[serde(default, deserialize_with = "lenient")]
    pub message: Option<String>,
}

impl Activity {
    /// Whether a turn is going on.
    pub fn busy(&self) -> bool {
        self.kind != "idle"
    }
}

/// `GET /session/status`.
pub type Activities = BTreeMap<String, Activity>;

/// The body of `POST /session`. The server refuses fields that it does not know.
#[derive(Debug, Default, Serialize)]
pub struct NewConversation<'a> {
    /// Without one the server makes one up, which costs a call of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// Appended after all configured rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permission: Vec<Rule>,
}
