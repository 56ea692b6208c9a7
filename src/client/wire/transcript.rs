//! Messages with the arguments and results of their tools, for commands that show a conversation.
//! Following a turn does not need those; see [`super::Message`].

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::lean::lean;
use super::{Element, HasId, Info, Message, Part, Time, ToolMetadata, ToolState, lenient};
use crate::client::mend;

/// A message with its parts and all details of its tools.
#[derive(Clone, Debug, Deserialize)]
pub struct FullMessage {
    /// The author, the times, and how it ended.
    pub info: Info,
    /// Its parts, oldest first.
    #[serde(default = "Vec::new")]
    pub parts: Vec<FullPart>,
}

impl Element for FullMessage {}

impl HasId for FullMessage {
    fn id(&self) -> &str {
        &self.info.id
    }
}

/// A message as the server sent it.
#[derive(Clone, Debug)]
pub struct RawMessage {
    /// The text of the message.
    pub raw: Box<RawValue>,
    /// What the text says; `None` if it is not a message.
    pub message: Option<Message>,
}

impl<'de> Deserialize<'de> for RawMessage {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<RawMessage, D::Error> {
        let raw = Box::<RawValue>::deserialize(input)?;
        let message = RawMessage::read(raw.get());
        Ok(RawMessage { raw, message })
    }
}

impl RawMessage {
    /// What the text of a message says; `None` if it is not a message.
    pub fn read(raw: &str) -> Option<Message> {
        serde_json::from_slice(&mend(raw.as_bytes())).ok()
    }
}

impl Element for RawMessage {
    const UNCHANGED: bool = true;
}

impl HasId for RawMessage {
    fn id(&self) -> &str {
        self.message.as_ref().map_or("", Message::id)
    }
}

/// A part like [`Part`], with the tool's arguments and result.
#[derive(Clone, Debug, Deserialize)]
pub struct FullPart {
    id: String,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: String,
    #[serde(default, deserialize_with = "lean")]
    text: String,
    #[serde(default, deserialize_with = "lenient")]
    synthetic: bool,
    #[serde(default, deserialize_with = "lenient")]
    ignored: bool,
    #[serde(default, deserialize_with = "lenient")]
    time: Time,
    #[serde(default, deserialize_with = "lenient")]
    tool: Option<String>,
    #[serde(default, deserialize_with = "lean")]
    state: FullState,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct FullState {
    #[serde(default, deserialize_with = "lenient")]
    status: String,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    time: Time,
    #[serde(default, deserialize_with = "lean")]
    input: Option<Value>,
    #[serde(default, deserialize_with = "lean")]
    output: Option<String>,
    #[serde(default, deserialize_with = "lean")]
    error: Option<String>,
    #[serde(default, deserialize_with = "lean")]
    metadata: Option<ToolMetadata>,
}

/// A tool's arguments and result.
#[derive(Clone, Debug, Default)]
pub struct ToolDetails {
    /// Its arguments.
    pub input: Option<Value>,
    /// Its result, in state `completed`.
    pub output: Option<String>,
    /// Why it failed, in state `error`.
    pub error: Option<String>,
    /// Whether it has reported something about its work. A tool that waits for a permission has
    /// not.
    pub reports: bool,
}

impl FullPart {
    /// The part as [`Part`], and the details of its tool.
    pub fn split(self) -> (Part, ToolDetails) {
        let state = self.state;
        let details = ToolDetails {
            input: state.input,
            output: state.output,
            error: state.error,
            reports: state.metadata.is_some(),
        };
        let state = ToolState {
            status: state.status,
            title: state.title,
            time: state.time,
            metadata: state.metadata.unwrap_or_default(),
            ..ToolState::default()
        };
        let part = Part {
            id: self.id,
            kind: self.kind,
            text: self.text,
            synthetic: self.synthetic,
            ignored: self.ignored,
            time: self.time,
            tool: self.tool,
            state,
            ..Part::default()
        };
        (part, details)
    }
}

/// A message without its parts.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    /// The author, the times, the cost, and how it ended.
    pub info: Info,
}

impl Element for Head {}

impl HasId for Head {
    fn id(&self) -> &str {
        &self.info.id
    }
}
