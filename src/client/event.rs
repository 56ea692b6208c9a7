//! The server's event stream, and what one event says.

use std::borrow::Cow;
use std::io::Read;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;
use ureq::{BodyReader, Timeout};

use super::failure::Answer;
use super::http::Client;
use super::interrupt::Interruption;
use super::sse::{Decoder, LONG, LONGEST};
use super::surrogates::{Piece, mend};
use super::wire::{
    Activity, ActivityKind, Conversation, Info, Part, Permission, Question, Reply, TurnError,
};

/// The event that carries more of a text.
const DELTA: &str = "message.part.delta";

/// What an event is about. Every event that occtl does not use is [`Kind::Other`].
#[derive(Clone, Debug)]
pub enum Kind {
    /// A message was added or changed.
    Message(Info),
    /// A part was added or changed. In 1.1 this also carries the text as it grows.
    Part(Part),
    /// Text was added to a part of a message.
    Delta {
        /// The id of the message.
        message: String,
        /// The id of the part.
        part: String,
        /// The field that grew: `text` for text and for reasoning.
        field: String,
        /// The added text.
        text: Piece,
    },
    /// A conversation became busy or idle, or waits for its provider.
    Activity(Activity),
    /// A conversation was added or changed.
    Conversation(Conversation),
    /// A turn failed, perhaps before it had a message.
    Failed(TurnError),
    /// A tool needs a permission.
    Permission(Permission),
    /// The model asked a question.
    Question(Question),
    /// An ask was answered, by this process or by another client.
    Answered {
        /// The id of the ask.
        id: String,
        /// The answer, if the event says which.
        reply: Option<Reply>,
    },
    /// Any other event.
    Other,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// `evt_…`. An event that is delivered twice has the same id both times. Older servers send
    /// none.
    pub id: Option<String>,
    /// The conversation that the event is about.
    pub conversation: Option<String>,
    /// What the event says.
    pub kind: Kind,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    properties: Option<&'a RawValue>,
    /// `/global/event` wraps events of all directories.
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

/// The field that says which conversation an event belongs to.
#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(borrow, rename = "sessionID", default)]
    conversation: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct HasInfo<T> {
    info: T,
}

#[derive(Deserialize)]
struct HasPart {
    part: Part,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "messageID")]
    message: String,
    #[serde(rename = "partID")]
    part: String,
    field: String,
    #[serde(borrow)]
    delta: &'a RawValue,
}

#[derive(Deserialize)]
struct HasStatus {
    status: Activity,
}

#[derive(Deserialize)]
struct HasError {
    error: TurnError,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(alias = "permissionID", alias = "id", rename = "requestID")]
    id: String,
    #[serde(alias = "response", default)]
    reply: Option<Cow<'a, str>>,
}

impl Event {
    /// Reads the data of one event; `None` if the data is not an event.
    ///
    /// For the frequent kinds of events `wanted` is asked about the conversation before the rest is
    /// decoded, so that the events of other conversations cost little.
    pub fn decode(data: &[u8], wanted: &dyn Fn(&str) -> bool) -> Option<Event> {
        let mut envelope: Envelope = serde_json::from_slice(data).ok()?;
        if let Some(payload) = envelope.payload {
            envelope = serde_json::from_str(payload.get()).ok()?;
        }
        let properties = envelope.properties.map_or("{}", RawValue::get);
        let owner = serde_json::from_str::<Owner>(properties).ok().and_then(|o| o.conversation);
        if owner.as_deref().is_some_and(|conversation| !wanted(conversation))
            && envelope.kind.as_deref().is_some_and(|kind| kind.starts_with("message."))
        {
            return Some(Event {
                id: None,
                conversation: owner.map(Cow::into_owned),
                kind: Kind::Other,
            });
        }
        // A delta may be cut where the next one goes on, so it is read as it is.
        let mended = mend(properties.as_bytes());
        let name = envelope.kind.as_deref()?;
        let read =
            if name == DELTA { kind(name, properties.as_bytes()) } else { kind(name, &mended) };
        let kind = read.unwrap_or(Kind::Other);
        let conversation = match &kind {
            Kind::Message(info) => Some(info.conversation.clone()),
            Kind::Part(part) => Some(part.conversation.clone()),
            Kind::Conversation(conversation) => Some(conversation.id.clone()),
            Kind::Permission(ask) => Some(ask.conversation.clone()),
            Kind::Question(ask) => Some(ask.conversation.clone()),
            _ => owner.map(Cow::into_owned),
        };
        Some(Event { id: envelope.id.map(Cow::into_owned), conversation, kind })
    }
}

fn kind(name: &str, properties: &[u8]) -> serde_json::Result<Kind> {
    fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
        serde_json::from_slice(text)
    }
    Ok(match name {
        "message.updated" => Kind::Message(read::<HasInfo<Info>>(properties)?.info),
        "message.part.updated" => Kind::Part(read::<HasPart>(properties)?.part),
        DELTA => {
            let delta: Delta = read(properties)?;
            let text = Piece::read(delta.delta.get());
            Kind::Delta {
                message: delta.message,
                part: delta.part,
                field: delta.field,
                text: text.ok_or_else(|| serde_json::Error::custom("not a text"))?,
            }
        }
        "session.status" => Kind::Activity(read::<HasStatus>(properties)?.status),
        "session.idle" => {
            Kind::Activity(Activity { kind: ActivityKind::Idle, ..Activity::default() })
        }
        "session.error" => Kind::Failed(read::<HasError>(properties)?.error),
        "session.created" | "session.updated" => {
            Kind::Conversation(read::<HasInfo<Conversation>>(properties)?.info)
        }
        "permission.asked" | "permission.updated" => Kind::Permission(read(properties)?),
        "question.asked" => Kind::Question(read(properties)?),
        "permission.replied" => {
            let answered: Answered = read(properties)?;
            let reply = answered.reply.and_then(|word| Reply::named(&word));
            Kind::Answered { id: answered.id, reply }
        }
        "question.replied" | "question.rejected" => {
            let reply = name.ends_with("rejected").then_some(Reply::Reject(None));
            Kind::Answered { id: read::<Answered>(properties)?.id, reply }
        }
        _ => Kind::Other,
    })
}

/// What one read of the stream brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// Some bytes, which may complete any number of events.
    Data,
    /// Nothing within one tick.
    Quiet,
    /// The stream is over.
    Ended,
}

/// An open event stream.
pub struct EventStream {
    reader: BodyReader<'static>,
    interruption: Interruption,
    decoder: Decoder,
    buffer: Box<[u8]>,
    heard: Instant,
}

impl EventStream {
    /// Opens `GET /event` for one directory. The head of the answer must arrive within `head`. With
    /// `all`, events may be up to [`LONGEST`] bytes long, otherwise [`LONG`].
    pub fn open(
        client: &Client,
        directory: &str,
        head: Duration,
        all: bool,
    ) -> Answer<EventStream> {
        let response = client.open("/event", &[("directory", directory)], head)?;
        let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        let buffer = vec![0; 64 * 1024].into();
        let decoder = Decoder::new(if all { LONGEST } else { LONG });
        let interruption = client.interruption.clone();
        Ok(EventStream { reader, interruption, decoder, buffer, heard: Instant::now() })
    }

    /// Waits for up to one tick and passes the data of every event that has become complete to
    /// `take`; `None` stands for an event that is too long, which counts as missed.
    pub fn pump(&mut self, take: &mut dyn FnMut(Option<&[u8]>)) -> Received {
        match self.interruption.within_one_tick(|| self.reader.read(&mut self.buffer)) {
            Ok(0) => Received::Ended,
            Ok(count) => {
                self.heard = Instant::now();
                self.decoder.feed(&self.buffer[..count], take);
                Received::Data
            }
            Err(error) => match ureq::Error::from(error) {
                // The stream continues where it stopped: the decoder holds the incomplete event.
                ureq::Error::Timeout(Timeout::PerRead) => Received::Quiet,
                _ => Received::Ended,
            },
        }
    }

    /// How long the server has sent nothing at all, not even a heartbeat.
    pub fn silence(&self) -> Duration {
        self.heard.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REJECTED: Option<Reply> = Some(Reply::Reject(None));

    fn decode(data: &str) -> Option<Event> {
        Event::decode(data.as_bytes(), &|conversation| conversation == "ses_1")
    }

    #[test]
    fn both_forms_of_a_frame_are_read() {
        let bare = r#"{"id":"evt_1","type":"message.part.delta","properties":{"sessionID":"ses_1",
            "messageID":"msg_1","partID":"prt_1","field":"text","delta":"hé\n"}}"#;
        let wrapped = format!(r#"{{"directory":"/x","payload":{bare}}}"#);
        for data in [bare, &wrapped] {
            let event = decode(data).unwrap();
            assert_eq!(event.id.as_deref(), Some("evt_1"));
            assert_eq!(event.conversation.as_deref(), Some("ses_1"));
            assert!(matches!(event.kind, Kind::Delta { text, .. } if text == "hé\n".into()));
        }
    }

    #[test]
    fn an_answered_ask_says_how_under_old_and_new_names() {
        for (kind, properties, expected) in [
            ("permission.replied", r#""requestID":"per_1","reply":"once""#, Some(Reply::Once)),
            ("permission.replied", r#""permissionID":"per_1","response":"reject""#, REJECTED),
            ("permission.replied", r#""requestID":"per_1","reply":"brand new""#, None),
            ("question.rejected", r#""requestID":"per_1""#, REJECTED),
            ("question.replied", r#""requestID":"per_1""#, None),
        ] {
            let data = format!(r#"{{"type":"{kind}","properties":{{{properties}}}}}"#);
            let Kind::Answered { id, reply } = decode(&data).unwrap().kind else {
                panic!("{data} is not read as an answer");
            };
            assert_eq!((id.as_str(), reply), ("per_1", expected), "{data}");
        }
    }

    #[test]
    fn events_of_others_are_not_decoded_and_garbage_is_no_event() {
        let other = r#"{"type":"message.part.delta","properties":{"sessionID":"ses_2"}}"#;
        assert!(matches!(decode(other).unwrap().kind, Kind::Other));
        let unknown = r#"{"type":"brand.new","properties":{"a":[1]}}"#;
        assert!(matches!(decode(unknown).unwrap().kind, Kind::Other));
        let odd = r#"{"type":"session.status","properties":[]}"#;
        assert!(matches!(decode(odd).unwrap().kind, Kind::Other));
        assert!(decode("nonsense").is_none());
        assert!(decode("[]").is_none());
    }
}
