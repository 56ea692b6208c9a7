//! What the server sends and takes, field by field as it names them.
//!
//! Only ids are needed; everything else may be missing, new, or of another type, and is then
//! unknown. Observed on 1.1.11 to 1.18.33; see `docs/opencode-api.md`.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Reads a value that may be anything; what does not fit is the default.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    input: D,
) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(input)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// `GET /global/health`.
#[derive(Debug, Deserialize)]
pub struct Health {
    /// Always true where the route exists.
    pub healthy: bool,
    /// For example `1.18.33`.
    pub version: String,
}

/// `GET /path`: the directories of the instance that answers.
#[derive(Debug, Deserialize)]
pub struct Paths {
    /// The one that was asked for, or else the server's own.
    pub directory: String,
}

/// Milliseconds since 1970, wherever the wire has a `time`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Time {
    /// When the thing came to be.
    #[serde(default, deserialize_with = "lenient")]
    pub created: Option<f64>,
    /// When it last changed.
    #[serde(default, deserialize_with = "lenient")]
    pub updated: Option<f64>,
    /// When an assistant message was finished.
    #[serde(default, deserialize_with = "lenient")]
    pub completed: Option<f64>,
    /// When a part or a tool began.
    #[serde(default, deserialize_with = "lenient")]
    pub start: Option<f64>,
    /// When a part or a tool ended.
    #[serde(default, deserialize_with = "lenient")]
    pub end: Option<f64>,
}

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
}

/// A message with its parts.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    /// Who, when and how it ended.
    pub info: Info,
    /// What it consists of, oldest first.
    #[serde(default = "Vec::new")]
    pub parts: Vec<Part>,
}

/// What is known of a message besides its parts.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Info {
    /// `msg_…`; sorts by time.
    pub id: String,
    /// `user` or `assistant`.
    #[serde(default, deserialize_with = "lenient")]
    pub role: String,
    /// The conversation.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient")]
    pub conversation: String,
    /// Of an assistant message: the user message that it answers.
    #[serde(default, rename = "parentID", deserialize_with = "lenient")]
    pub parent: Option<String>,
    /// Created; completed once the step has ended.
    #[serde(default, deserialize_with = "lenient")]
    pub time: Time,
    /// How it failed, if it did.
    #[serde(default, deserialize_with = "lenient")]
    pub error: Option<TurnError>,
    /// `stop`, `tool-calls`, `length`, `unknown`, …
    #[serde(default, deserialize_with = "lenient")]
    pub finish: Option<String>,
    /// The provider that was really used.
    #[serde(default, rename = "providerID", deserialize_with = "lenient")]
    pub provider: Option<String>,
    /// The model that was really used.
    #[serde(default, rename = "modelID", deserialize_with = "lenient")]
    pub model: Option<String>,
    /// The variant, where the server says so.
    #[serde(default, deserialize_with = "lenient")]
    pub variant: Option<String>,
    /// The agent.
    #[serde(default, deserialize_with = "lenient")]
    pub agent: Option<String>,
    /// US dollars of this step.
    #[serde(default, deserialize_with = "lenient")]
    pub cost: Option<f64>,
    /// Tokens of this step.
    #[serde(default, deserialize_with = "lenient")]
    pub tokens: Option<Tokens>,
    /// The answer to a prompt with a schema.
    #[serde(default, deserialize_with = "lenient")]
    pub structured: Option<Value>,
}

/// Tokens of one step; the five numbers do not overlap.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Tokens {
    /// Read and not cached.
    #[serde(default, deserialize_with = "lenient")]
    pub input: Option<f64>,
    /// Written.
    #[serde(default, deserialize_with = "lenient")]
    pub output: Option<f64>,
    /// Thought.
    #[serde(default, deserialize_with = "lenient")]
    pub reasoning: Option<f64>,
    /// Read from and written to the provider's cache.
    #[serde(default, deserialize_with = "lenient")]
    pub cache: CacheTokens,
}

/// The provider's cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct CacheTokens {
    /// Read from it.
    #[serde(default, deserialize_with = "lenient")]
    pub read: Option<f64>,
    /// Written to it.
    #[serde(default, deserialize_with = "lenient")]
    pub write: Option<f64>,
}

/// `{name, data: {message, …}}`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TurnError {
    /// For example `APIError`, `MessageAbortedError`.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// Details; the only one used is the message.
    #[serde(default, deserialize_with = "lenient")]
    pub data: ErrorData,
    /// Some errors carry it here.
    #[serde(default, deserialize_with = "lenient")]
    pub message: Option<String>,
}

/// The inside of a [`TurnError`].
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ErrorData {
    /// The provider's or the server's words.
    #[serde(default, deserialize_with = "lenient")]
    pub message: Option<String>,
}

impl TurnError {
    /// What it says; its name if it says nothing.
    pub fn text(&self) -> &str {
        let message = self.data.message.as_deref().or(self.message.as_deref());
        message.filter(|text| !text.is_empty()).unwrap_or(&self.name)
    }
}

/// A piece of a message.
#[derive(Clone, Debug, Deserialize)]
pub struct Part {
    /// `prt_…`; sorts by time.
    pub id: String,
    /// `text`, `reasoning`, `tool`, `step-start`, `step-finish`, `file`, `patch`, …
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// The message that it belongs to.
    #[serde(default, rename = "messageID", deserialize_with = "lenient")]
    pub message: String,
    /// The conversation.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient")]
    pub conversation: String,
    /// Of text and reasoning.
    #[serde(default, deserialize_with = "lenient")]
    pub text: String,
    /// Text that the server wrote itself.
    #[serde(default, deserialize_with = "lenient")]
    pub synthetic: bool,
    /// Text that the model does not get to see.
    #[serde(default, deserialize_with = "lenient")]
    pub ignored: bool,
    /// Start, and end once no more text comes.
    #[serde(default, deserialize_with = "lenient")]
    pub time: Time,
    /// The tool's name.
    #[serde(default, deserialize_with = "lenient")]
    pub tool: Option<String>,
    /// How far the tool is.
    #[serde(default, deserialize_with = "lenient")]
    pub state: ToolState,
}

/// How far a tool is. Its output is not read here: it can be as large as it likes.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ToolState {
    /// `pending`, `running`, `completed` or `error`.
    #[serde(default, deserialize_with = "lenient")]
    pub status: String,
    /// What the tool says it does.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// Start and end.
    #[serde(default, deserialize_with = "lenient")]
    pub time: Time,
    /// Of the tools that edit files, and of `task`.
    #[serde(default, deserialize_with = "lenient")]
    pub metadata: ToolMetadata,
}

/// What tools tell the server about their work.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ToolMetadata {
    /// Of `task`: the sub-agent's conversation.
    #[serde(default, rename = "sessionId", deserialize_with = "lenient")]
    pub conversation: Option<String>,
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

/// A pending permission request.
#[derive(Clone, Debug, Deserialize)]
pub struct Permission {
    /// `per_…`.
    pub id: String,
    /// The conversation whose tool wants it.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient")]
    pub conversation: String,
    /// For example `bash`, `edit`. Older servers call it `type`.
    #[serde(default, alias = "type", deserialize_with = "lenient")]
    pub permission: String,
    /// What it wants to do, for example the commands.
    #[serde(default, alias = "pattern", deserialize_with = "one_or_many")]
    pub patterns: Vec<String>,
}

/// A pending question of the model.
#[derive(Clone, Debug, Deserialize)]
pub struct Question {
    /// `que_…`.
    pub id: String,
    /// The conversation whose model asks.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient")]
    pub conversation: String,
}

/// One changed file of `GET /session/ID/diff`.
#[derive(Clone, Debug, Deserialize)]
pub struct FileDiff {
    /// Relative to the worktree.
    #[serde(default, alias = "path", deserialize_with = "lenient")]
    pub file: String,
    /// Lines added.
    #[serde(default, deserialize_with = "lenient")]
    pub additions: Option<f64>,
    /// Lines removed.
    #[serde(default, deserialize_with = "lenient")]
    pub deletions: Option<f64>,
}

/// Old servers send one pattern as a string.
fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::String(one) => vec![one],
        Value::Array(many) => {
            many.into_iter().filter_map(|value| value.as_str().map(String::from)).collect()
        }
        _ => Vec::new(),
    })
}

/// One rule of a permission list; the last that matches wins.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Rule {
    /// For example `bash`; a wildcard pattern.
    pub permission: String,
    /// A wildcard pattern for what is to be done.
    #[serde(default)]
    pub pattern: String,
    /// `allow`, `deny` or `ask`.
    pub action: String,
}

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

/// A model by its two names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelName {
    /// The part before the first slash.
    #[serde(rename = "providerID")]
    pub provider: String,
    /// The rest.
    #[serde(rename = "modelID")]
    pub model: String,
}

/// A part of a prompt.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum InputPart<'a> {
    /// Words.
    Text {
        /// The words.
        text: &'a str,
    },
}

/// The body of `POST /session/ID/prompt_async`.
#[derive(Debug, Default, Serialize)]
pub struct Prompt<'a> {
    /// The turn's id, chosen by us.
    #[serde(rename = "messageID")]
    pub id: &'a str,
    /// What is said.
    pub parts: Vec<InputPart<'a>>,
    /// Default: the conversation's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a ModelName>,
    /// Default: the conversation's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'a str>,
    /// For example a reasoning effort; an unknown one is ignored by the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_are_needed_and_nothing_else_can_fail() {
        let odd =
            r#"{"id":"ses_1","title":7,"time":"now","parentID":null,"directory":[],"new":{}}"#;
        let conversation: Conversation = serde_json::from_str(odd).unwrap();
        assert_eq!((conversation.directory, conversation.parent), (None, None));
        let odd = r#"{"info":{"id":"msg_1","error":"x","tokens":[1],"time":{"created":"a","completed":2.5}}}"#;
        let message: Message = serde_json::from_str(odd).unwrap();
        assert_eq!(message.info.time.completed, Some(2.5));
        assert!(serde_json::from_str::<Message>(r#"{"info":{}}"#).is_err());
    }

    #[test]
    fn old_and_new_names_of_a_permission_request() {
        let old = r#"{"id":"per_1","type":"bash","pattern":"ls"}"#;
        let new = r#"{"id":"per_1","permission":"bash","patterns":["ls"]}"#;
        for text in [old, new] {
            let ask: Permission = serde_json::from_str(text).unwrap();
            assert_eq!((ask.permission.as_str(), ask.patterns), ("bash", vec!["ls".to_string()]));
        }
    }
}
