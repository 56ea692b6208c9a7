//! Messages and their parts.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::lean::lean;
use super::{Element, Time, id, lenient};

/// A message with its parts.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    /// The author, the times, and how it ended.
    pub info: Info,
    /// Its parts, oldest first.
    #[serde(default = "Vec::new")]
    pub parts: Vec<Part>,
}

impl Message {
    /// Whether the answer of a model is in it. The message with which the server itself calls the
    /// sub-agent of a command holds nothing but that call.
    pub fn is_of_model(&self) -> bool {
        let is_call = !self.parts.is_empty() && self.parts.iter().all(|part| part.kind == "tool");
        !is_call || self.info.has_usage()
    }
}

/// Everything about a message except its parts.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Info {
    /// `msg_…`. Ids sort by time.
    #[serde(deserialize_with = "id")]
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
    /// Created, and completed once the step has ended.
    #[serde(default, deserialize_with = "lenient")]
    pub time: Time,
    /// How it failed, if it did.
    #[serde(default, deserialize_with = "lean")]
    pub error: Option<TurnError>,
    /// `stop`, `tool-calls`, `length`, `unknown`, …
    #[serde(default, deserialize_with = "lenient")]
    pub finish: Option<String>,
    /// The provider that was used in fact.
    #[serde(default, rename = "providerID", deserialize_with = "lenient")]
    pub provider: Option<String>,
    /// The model that was used in fact.
    #[serde(default, rename = "modelID", deserialize_with = "lenient")]
    pub model: Option<String>,
    /// The variant, if the server says so.
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

/// Tokens of one step. The five numbers do not overlap.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Tokens {
    /// Tokens read that were not in the cache.
    #[serde(default, deserialize_with = "lenient")]
    pub input: Option<f64>,
    /// Tokens written.
    #[serde(default, deserialize_with = "lenient")]
    pub output: Option<f64>,
    /// Tokens of reasoning.
    #[serde(default, deserialize_with = "lenient")]
    pub reasoning: Option<f64>,
    /// Tokens of the provider's cache.
    #[serde(default, deserialize_with = "lenient")]
    pub cache: CacheTokens,
}

/// Tokens of the provider's cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct CacheTokens {
    /// Tokens read from it.
    #[serde(default, deserialize_with = "lenient")]
    pub read: Option<f64>,
    /// Tokens written to it.
    #[serde(default, deserialize_with = "lenient")]
    pub write: Option<f64>,
}

/// `{name, data: {message, …}}`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TurnError {
    /// For example `APIError`, `MessageAbortedError`.
    #[serde(default, deserialize_with = "lenient")]
    pub name: String,
    /// Details, of which occtl uses only the message and the status.
    #[serde(default, deserialize_with = "lean")]
    pub data: ErrorData,
    /// Some errors have the message here.
    #[serde(default, deserialize_with = "lenient")]
    pub message: Option<String>,
}

/// The details of a [`TurnError`].
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ErrorData {
    /// The explanation of the provider or the server.
    #[serde(default, deserialize_with = "lean")]
    pub message: Option<String>,
    /// The status of the provider's HTTP answer.
    #[serde(default, rename = "statusCode", deserialize_with = "lean")]
    pub status: Option<f64>,
}

impl Info {
    /// Whether a user, or a client in place of one, wrote the message. A prompt's id is its turn's.
    pub fn is_prompt(&self) -> bool {
        self.role == "user"
    }

    /// Whether the provider reported what the step used. Where it did not, the server counts 0
    /// tokens.
    pub fn has_usage(&self) -> bool {
        let Tokens { input, output, reasoning, cache } = self.tokens.unwrap_or_default();
        let counts = [input, output, reasoning, cache.read, cache.write];
        counts.into_iter().flatten().any(|count| count > 0.0)
    }

    /// Whether the provider's stream ended without saying how the answer ends. 1.14.34 says `other`
    /// of that; others say so of a reason that they do not know, which comes with the usage.
    pub fn lacks_finish(&self) -> bool {
        match self.finish.as_deref() {
            Some("unknown") => true,
            Some("other") => !self.has_usage(),
            _ => false,
        }
    }

    /// Whether the model wrote the message.
    pub fn is_answer(&self) -> bool {
        self.role == "assistant"
    }
}

impl ToolState {
    /// Whether the tool call is over, successfully or not.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "error")
    }
}

/// A message that is read in pages.
pub trait HasId: Element {
    /// Its id; empty if what the server sent is not a message.
    fn id(&self) -> &str;
}

impl Element for Message {}

impl HasId for Message {
    fn id(&self) -> &str {
        &self.info.id
    }
}

impl TurnError {
    /// The explanation, or the name if there is none.
    pub fn text(&self) -> &str {
        let message = self.data.message.as_deref().or(self.message.as_deref());
        message.filter(|text| !text.is_empty()).unwrap_or(&self.name)
    }
}

/// A piece of a message.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Part {
    /// `prt_…`. Ids sort by time.
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
    /// For text and reasoning.
    #[serde(default, deserialize_with = "lean")]
    pub text: String,
    /// Text that the server wrote itself.
    #[serde(default, deserialize_with = "lenient")]
    pub synthetic: bool,
    /// Text that the server does not show to the model.
    #[serde(default, deserialize_with = "lenient")]
    pub ignored: bool,
    /// The start, and the end once the part is complete.
    #[serde(default, deserialize_with = "lenient")]
    pub time: Time,
    /// The tool's name.
    #[serde(default, deserialize_with = "lenient")]
    pub tool: Option<String>,
    /// The state of the tool call.
    #[serde(default, deserialize_with = "lean")]
    pub state: ToolState,
}

impl Part {
    /// Whether this is text that the model wrote for the reader.
    pub fn is_text(&self) -> bool {
        self.kind == "text" && !self.synthetic && !self.ignored
    }
}

/// The state of a tool call. Its output, which can be of any size, is not read.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ToolState {
    /// `pending`, `running`, `completed` or `error`.
    #[serde(default, deserialize_with = "lenient")]
    pub status: String,
    /// The tool's description of what it does.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// What it was called with.
    #[serde(default, deserialize_with = "lean")]
    pub input: ToolInput,
    /// Start and end.
    #[serde(default, deserialize_with = "lenient")]
    pub time: Time,
    /// Whether a rule kept the tool from running.
    #[serde(default, rename = "error", deserialize_with = "by_rule")]
    pub denied: bool,
    /// Only tools that edit files and `task` have it.
    #[serde(default, deserialize_with = "lean")]
    pub metadata: ToolMetadata,
}

/// The input of a tool call, which can be a whole file. Only `bash` has a command.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ToolInput {
    /// The command.
    #[serde(default, deserialize_with = "lenient")]
    pub command: Option<String>,
}

/// What the server says in place of a result if a rule denies a tool call; 1.2.27 says only the
/// second.
const DENIED: [&str; 2] = ["a rule which prevents you from using", "PermissionDeniedError"];

/// Whether an error says that a rule denied the call.
fn by_rule<'de, D: Deserializer<'de>>(input: D) -> Result<bool, D::Error> {
    let error: String = lean(input)?;
    Ok(DENIED.iter().any(|words| error.contains(words)))
}

/// What a tool reports to the server about its work.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ToolMetadata {
    /// Of `task`: the sub-agent's conversation.
    #[serde(default, rename = "sessionId", deserialize_with = "lenient")]
    pub conversation: Option<String>,
}
