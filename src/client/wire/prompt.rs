//! Prompts.

use serde::Serialize;
use serde_json::Value;

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
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum InputPart<'a> {
    /// Words.
    Text {
        /// The words.
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

/// How the answer shall look.
#[derive(Debug, Serialize)]
pub struct Format<'a> {
    /// `json_schema`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The schema.
    pub schema: &'a Value,
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
    /// Added to the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<&'a str>,
    /// Default: text. Versions that do not know it ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format<'a>>,
}
