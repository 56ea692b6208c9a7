//! Messages with what their tools were given and gave, for whoever reads a conversation. A turn that is
//! followed does without: see [`super::Message`].

use serde::Deserialize;
use serde_json::Value;

use super::lean::lean;
use super::{Info, Part, Time, ToolState, lenient};

/// A message with its parts and all that its tools did.
#[derive(Clone, Debug, Deserialize)]
pub struct FullMessage {
    /// Who, when and how it ended.
    pub info: Info,
    /// What it consists of, oldest first.
    #[serde(default = "Vec::new")]
    pub parts: Vec<FullPart>,
}

/// A piece of a message, as [`Part`] and with the tool's arguments and result.
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
}

/// What a tool was given and what came of it.
#[derive(Clone, Debug, Default)]
pub struct ToolDetails {
    /// Its arguments.
    pub input: Option<Value>,
    /// Its result, once it is `completed`.
    pub output: Option<String>,
    /// Why it failed, in state `error`.
    pub error: Option<String>,
}

impl FullPart {
    /// The part as everybody knows it, and the details of a tool.
    pub fn split(self) -> (Part, ToolDetails) {
        let state = self.state;
        let details = ToolDetails { input: state.input, output: state.output, error: state.error };
        let state = ToolState {
            status: state.status,
            title: state.title,
            time: state.time,
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
    /// Who, when and how it ended, and what it cost.
    pub info: Info,
}
