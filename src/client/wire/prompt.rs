//! What a prompt consists of.

use serde::Serialize;
use serde_json::Value;

/// A model, named as `provider/model`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelName {
    /// The part before the first slash.
    #[serde(rename = "providerID")]
    pub provider: String,
    /// The part after the first slash.
    #[serde(rename = "modelID")]
    pub model: String,
}

/// A part of a prompt.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum InputPart<'a> {
    /// Text.
    Text {
        /// The text.
        text: &'a str,
    },
    /// A file with its content.
    File {
        /// The media type.
        mime: &'static str,
        /// Its name without directories.
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<String>,
        /// A `data:` URL.
        url: String,
    },
}

/// The format that the answer must have.
#[derive(Debug, Serialize)]
pub struct Format<'a> {
    /// `json_schema`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The schema.
    pub schema: &'a Value,
}

/// The body of `POST /session/ID/prompt_async` and `POST /session/ID/message`.
#[derive(Debug, Default, Serialize)]
pub struct Prompt<'a> {
    /// The turn's id, which the client chooses.
    #[serde(rename = "messageID")]
    pub id: &'a str,
    /// What the prompt consists of.
    pub parts: Vec<InputPart<'a>>,
    /// Default: the one that the conversation used last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a ModelName>,
    /// Default: the one that the conversation used last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'a str>,
    /// For example a reasoning effort. The server ignores an unknown variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a str>,
    /// Added to the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<&'a str>,
    /// Default: text. Versions that do not know the field ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format<'a>>,
}
