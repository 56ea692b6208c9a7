//! What the server sends and takes, field by field with its names.
//!
//! Only ids are required. Every other field may be missing, new, or of another type, and then
//! counts as unknown. Observed on 1.1.11 to 1.18.33; see `docs/opencode-api.md`.

mod agent;
mod ask;
mod changes;
mod conversation;
mod lean;
mod message;
mod prompt;
mod reviewed;
mod transcript;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::exchange::LARGEST_ANSWER;
pub use agent::*;
pub use ask::*;
pub use changes::*;
pub use conversation::*;
pub use message::*;
pub use prompt::*;
pub use reviewed::*;
pub use transcript::*;

/// What a list of the server holds.
pub trait Element: DeserializeOwned {
    /// Whether it is kept as the server sent it, halves of characters included.
    const UNCHANGED: bool = false;
    /// How many bytes of a list of them are read at most.
    const MOST_BYTES: u64 = LARGEST_ANSWER;
}

/// Reads a value of any type. A value that does not fit becomes the default.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    input: D,
) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(input)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// The longest id that is taken for one. Real ones have 30 characters.
const LONGEST_ID: usize = 256;

/// Reads an id of a conversation, a message or an ask. It is checked here, once, because ids are
/// printed one a line for scripts and sent back as a part of addresses.
pub(super) fn id<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || text.len() > LONGEST_ID || !text.chars().all(is_plain) {
        let start: String = text.chars().take(40).collect();
        return Err(serde::de::Error::custom(format!("{start:?} is not an id")));
    }
    Ok(text)
}

/// Reads a list and leaves out the entries that do not fit.
pub(super) fn those_that_fit<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    input: D,
) -> Result<Vec<T>, D::Error> {
    let entries = match Value::deserialize(input)? {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    };
    Ok(entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect())
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
    /// The directory of the request, or the server's own if the request had none.
    pub directory: String,
}

/// Milliseconds since 1970, for every `time` of the wire.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Time {
    /// When the object was created.
    #[serde(default, deserialize_with = "lenient")]
    pub created: Option<f64>,
    /// When the object last changed.
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

impl Time {
    /// From start to end in milliseconds; `None` unless both are known.
    pub fn duration_ms(&self) -> Option<u64> {
        self.start.zip(self.end).map(|(start, end)| (end - start).max(0.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_conversation_that_says_idle_is_not_busy() {
        for (text, busy) in [
            (r#"{"type":"busy"}"#, true),
            (r#"{"type":"retry","attempt":2}"#, true),
            (r#"{"type":"brand new"}"#, true),
            (r#"{"type":7}"#, true),
            ("{}", true),
            (r#"{"type":"idle"}"#, false),
        ] {
            let activity: Activity = serde_json::from_str(text).unwrap();
            assert_eq!(activity.is_busy(), busy, "{text}");
        }
    }

    #[test]
    fn only_ids_are_needed_and_nothing_else_can_fail() {
        let odd =
            r#"{"id":"ses_1","title":7,"time":"now","parentID":null,"directory":[],"new":{}}"#;
        let conversation: Conversation = serde_json::from_str(odd).unwrap();
        assert_eq!((conversation.directory, conversation.parent), (None, None));
        let odd = r#"{"info":{"id":"msg_1","error":"x","tokens":[1],
            "time":{"created":"a","completed":2.5}}}"#;
        let message: Message = serde_json::from_str(odd).unwrap();
        assert_eq!(message.info.time.completed, Some(2.5));
        assert!(serde_json::from_str::<Message>(r#"{"info":{}}"#).is_err());
    }
}
