//! Messages with what a summary of a conversation needs: the parts, and what a turn changed.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{ChangedInfo, Element, FilePatch, Info, Part};

/// A message, its parts without the results of tools, and the files that its turn changed.
#[derive(Clone, Debug, Deserialize)]
pub struct ReviewedMessage {
    /// The author, the times, and how it ended.
    pub info: ReviewedInfo,
    /// Its parts, oldest first.
    #[serde(default = "Vec::new")]
    pub parts: Vec<Part>,
}

impl Element for ReviewedMessage {}

/// Two views of the same object.
#[derive(Clone, Debug)]
pub struct ReviewedInfo {
    /// The author, the times, and how it ended.
    pub info: Info,
    /// Of a prompt whose turn is over: the files that were changed.
    pub changes: Vec<FilePatch>,
}

impl<'de> Deserialize<'de> for ReviewedInfo {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<ReviewedInfo, D::Error> {
        let raw = Box::<RawValue>::deserialize(input)?;
        let info = serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?;
        let changed: Option<ChangedInfo> = serde_json::from_str(raw.get()).ok();
        let changes = changed.map(|changed| changed.summary.diffs).unwrap_or_default();
        Ok(ReviewedInfo { info, changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_with_its_parts_and_what_its_turn_changed() {
        let text = r#"{"info":{"id":"msg_1","role":"user","summary":{"diffs":[{"file":"a",
            "additions":2,"patch":"x"}]}},"parts":[{"id":"prt_1","type":"text","text":"hi"}]}"#;
        let read: ReviewedMessage = serde_json::from_str(text).unwrap();
        assert_eq!((read.info.info.id.as_str(), read.parts[0].text.as_str()), ("msg_1", "hi"));
        assert_eq!((read.info.changes[0].file.as_str(), read.info.changes.len()), ("a", 1));
        let odd = r#"{"info":{"id":"msg_1","summary":7}}"#;
        let read: ReviewedMessage = serde_json::from_str(odd).unwrap();
        assert!(read.info.changes.is_empty() && read.parts.is_empty());
        assert!(serde_json::from_str::<ReviewedMessage>(r#"{"info":{"id":7}}"#).is_err());
    }
}
