//! Messages and their parts.

use serde::Deserialize;
use serde_json::Value;

use super::lean::lean;
use super::{Time, lenient};

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
    #[serde(default, deserialize_with = "lean")]
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
    #[serde(default, deserialize_with = "lean")]
    pub data: ErrorData,
    /// Some errors carry it here.
    #[serde(default, deserialize_with = "lenient")]
    pub message: Option<String>,
}

/// The inside of a [`TurnError`].
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ErrorData {
    /// The provider's or the server's words.
    #[serde(default, deserialize_with = "lean")]
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
#[derive(Clone, Debug, Default, Deserialize)]
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
    #[serde(default, deserialize_with = "lean")]
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
    #[serde(default, deserialize_with = "lean")]
    pub state: ToolState,
}

impl Part {
    /// Whether it is text that the model wrote for the reader.
    pub fn is_text(&self) -> bool {
        self.kind == "text" && !self.synthetic && !self.ignored
    }
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
    #[serde(default, deserialize_with = "lean")]
    pub metadata: ToolMetadata,
}

/// What tools tell the server about their work.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ToolMetadata {
    /// Of `task`: the sub-agent's conversation.
    #[serde(default, rename = "sessionId", deserialize_with = "lenient")]
    pub conversation: Option<String>,
}
