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
    /// What was taken back, until the next prompt.
    #[serde(default, deserialize_with = "lenient")]
    pub revert: Option<Revert>,
    /// Where everybody can read it.
    #[serde(default, deserialize_with = "lenient")]
    pub share: Option<Share>,
    /// What clients have noted. A fork has the same. Versions before 1.15 keep nothing.
    #[serde(default, deserialize_with = "lenient")]
    pub metadata: OwnMetadata,
}

impl Element for Conversation {
    /// 256 MiB. One has less than a kilobyte, and what is kept of all of them is in memory at once.
    const MOST_BYTES: u64 = 256 << 20;
}

impl Conversation {
    /// The first message that was taken back.
    pub fn reverted(&self) -> Option<&str> {
        self.revert.as_ref().map(|revert| revert.message.as_str())
    }
}

/// What was taken back of a conversation.
#[derive(Clone, Debug, Deserialize)]
pub struct Revert {
    /// The first message that was taken back.
    #[serde(rename = "messageID", deserialize_with = "id")]
    pub message: String,
    /// What that changed in files, as a diff.
    #[serde(default, deserialize_with = "lenient")]
    pub diff: Option<String>,
}

/// Where a conversation is shared.
#[derive(Clone, Debug, Deserialize)]
pub struct Share {
    /// Its address.
    #[serde(default, deserialize_with = "lenient")]
    pub url: String,
}

/// What occtl notes of a conversation, in a place of its own.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct OwnMetadata {
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    occtl: Option<OwnNotes>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct OwnNotes {
    #[serde(default, deserialize_with = "lenient")]
    agent: Option<String>,
}

impl OwnMetadata {
    /// Notes the agent of a conversation.
    pub fn of_agent(agent: &str) -> OwnMetadata {
        OwnMetadata { occtl: Some(OwnNotes { agent: Some(agent.into()) }) }
    }

    /// The agent that was noted.
    pub fn agent(&self) -> Option<&str> {
        self.occtl.as_ref()?.agent.as_deref()
    }
}

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
    /// Its title.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// The model of its prompts, if that was given.
    #[serde(default, deserialize_with = "lenient")]
    pub model: Option<OwnModel>,
    /// What was noted.
    #[serde(default, deserialize_with = "lenient")]
    pub metadata: OwnMetadata,
}

/// A model, in the form that it has for a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OwnModel {
    /// The provider.
    #[serde(rename = "providerID")]
    pub provider: String,
    /// The model.
    pub id: String,
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
    /// The conversation above it. The server does not check that there is one.
    #[serde(rename = "parentID", skip_serializing_if = "Option::is_none")]
    pub parent: Option<&'a str>,
    /// Shown by other clients. The server itself gives each prompt its default agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'a str>,
    /// The model of its prompts, unless they or their agent name another one. The server does not
    /// check that there is such a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<OwnModel>,
    /// What is to be noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<OwnMetadata>,
    /// Appended to all configured rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permission: Vec<Rule>,
}
