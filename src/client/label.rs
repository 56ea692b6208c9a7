//! What an event is called and whom it is about, without the rest of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The event with which a server begins every stream.
const GREETING: &str = "server.connected";
/// The event that only says that the stream is open.
const HEARTBEAT: &str = "server.heartbeat";

/// The name of an event, and the conversation that it is about.
#[derive(Debug)]
pub struct Label<'a> {
    kind: Cow<'a, str>,
    /// The conversation that the event is about.
    pub conversation: Option<Cow<'a, str>>,
    /// The conversation above it, where the event tells.
    pub parent: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    properties: Option<&'a RawValue>,
}

/// The places in which an event may name its conversation.
#[derive(Default, Deserialize)]
struct Named<'a> {
    #[serde(borrow, rename = "sessionID", default)]
    conversation: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    info: Option<&'a RawValue>,
    #[serde(borrow, default)]
    part: Option<&'a RawValue>,
}

/// What stands in `info` or `part`.
#[derive(Default, Deserialize)]
struct Inner<'a> {
    #[serde(borrow, rename = "sessionID", default)]
    conversation: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "parentID", default)]
    parent: Option<Cow<'a, str>>,
}

impl<'a> Label<'a> {
    /// Reads the data of one event; `None` if the data is not an event.
    pub fn read(data: &'a [u8]) -> Option<Label<'a>> {
        let frame: Frame = serde_json::from_slice(data).ok()?;
        let named: Named = read(frame.properties);
        let info: Inner = read(named.info);
        let part: Inner = read(named.part);
        let about_itself = frame.kind.starts_with("session.");
        let (id, parent) = if about_itself { (info.id, info.parent) } else { (None, None) };
        let conversation = named.conversation.or(info.conversation).or(part.conversation).or(id);
        Some(Label { kind: frame.kind, conversation, parent })
    }

    /// Whether the event is of a kind: its name, or the beginning of its name up to a dot.
    pub fn is(&self, kind: &str) -> bool {
        let rest = self.kind.strip_prefix(kind);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Whether it is the event that every stream begins with.
    pub fn is_greeting(&self) -> bool {
        self.kind == GREETING
    }

    /// Whether it says only that the stream is open.
    pub fn is_heartbeat(&self) -> bool {
        self.kind == HEARTBEAT
    }

    /// Whether it says that its conversation was deleted.
    pub fn is_deletion(&self) -> bool {
        self.kind == "session.deleted"
    }
}

/// What is not of the expected form names nothing.
fn read<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conversation_of_an_event_is_found_in_every_form() {
        for (data, conversation, parent) in [
            (r#"{"type":"a.b","properties":{"sessionID":"ses_1"}}"#, Some("ses_1"), None),
            (
                r#"{"type":"message.updated","properties":{"info":{"id":"msg_1","sessionID":"ses_1",
                "parentID":"msg_0"}}}"#,
                Some("ses_1"),
                None,
            ),
            (
                r#"{"type":"message.part.updated","properties":{"part":{"id":"prt_1",
                "sessionID":"ses_1","text":"\ud83d"}}}"#,
                Some("ses_1"),
                None,
            ),
            (
                r#"{"type":"session.created","properties":{"info":{"id":"ses_2",
                "parentID":"ses_1"}}}"#,
                Some("ses_2"),
                Some("ses_1"),
            ),
            (
                r#"{"type":"session.updated","properties":{"sessionID":"ses_2","info":{"id":"ses_2",
                "parentID":"ses_1"}}}"#,
                Some("ses_2"),
                Some("ses_1"),
            ),
            (r#"{"type":"file.edited","properties":{"file":"ses_1"}}"#, None, None),
            (r#"{"type":"odd","properties":[1]}"#, None, None),
            (r#"{"type":"odd","properties":{"sessionID":7}}"#, None, None),
            (r#"{"type":"bare"}"#, None, None),
        ] {
            let label = Label::read(data.as_bytes()).unwrap();
            assert_eq!(label.conversation.as_deref(), conversation, "{data}");
            assert_eq!(label.parent.as_deref(), parent, "{data}");
        }
        for garbage in ["", "[1]", "{}", r#"{"type":7}"#, "{not json", "7"] {
            assert!(Label::read(garbage.as_bytes()).is_none(), "{garbage}");
        }
    }

    #[test]
    fn a_kind_is_a_name_or_its_beginning_up_to_a_dot() {
        let label = Label::read(br#"{"type":"message.part.updated"}"#).unwrap();
        for kind in ["message", "message.part", "message.part.updated"] {
            assert!(label.is(kind), "{kind}");
        }
        for kind in ["", "mess", "message.", "message.part.update", "message.updated", "part"] {
            assert!(!label.is(kind), "{kind}");
        }
    }
}
