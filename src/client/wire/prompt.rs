//! What a prompt consists of.

use std::borrow::Cow;

use crate::client::http::escape;
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
        /// A `data:` URL, or a `file:` URL of a file or directory that the server itself reads.
        url: String,
        /// Where the text mentions it.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<FileSource>,
    },
    /// A sub-agent that the model is told to call.
    Agent {
        /// Its name.
        name: String,
        /// Where the text mentions it.
        source: Passage,
    },
}

/// Where a text mentions a file.
#[derive(Clone, Debug, Serialize)]
pub struct FileSource {
    /// `file`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The file's path.
    pub path: String,
    /// The mention.
    pub text: Passage,
}

impl InputPart<'_> {
    /// A file or a directory that the server reads when the prompt arrives. `lines` are the first
    /// and the last one that are wanted of a file.
    pub fn on_disk(
        path: &str,
        is_directory: bool,
        lines: Option<(u64, Option<u64>)>,
        text: Passage,
    ) -> InputPart<'static> {
        let named = text.value.trim_start_matches('@').to_string();
        let segments: Vec<String> = path.split('/').map(escape).collect();
        let mut url = format!("file://{}", segments.join("/"));
        if let Some((first, last)) = lines {
            url.push_str(&format!("?start={first}"));
            url.extend(last.map(|last| format!("&end={last}")));
        }
        // All files are text here, as in OpenCode's own interface: the server looks for itself.
        let mime = if is_directory { "application/x-directory" } else { "text/plain" };
        let path = named.split('#').next().unwrap_or_default().into();
        let source = Some(FileSource { kind: "file", path, text });
        InputPart::File { mime, filename: Some(named), url, source }
    }
}

/// A passage of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// Its own text.
    pub value: String,
    /// Where it begins, in units of UTF-16.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// The body of `POST /session/ID/command`.
#[derive(Debug, Serialize)]
pub struct Invocation<'a> {
    /// The turn's id, which the client chooses.
    #[serde(rename = "messageID")]
    pub id: &'a str,
    /// The command's name.
    pub command: &'a str,
    /// What stands behind the name; may be empty.
    pub arguments: &'a str,
    /// Files that go with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Cow<'a, InputPart<'a>>>,
    /// As `provider/model`. A command that names a model of its own goes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A command that names an agent of its own goes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'a str>,
    /// For example a reasoning effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a str>,
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
    pub parts: Vec<Cow<'a, InputPart<'a>>>,
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
