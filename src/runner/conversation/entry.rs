//! One message as a reader sees it, made from what the server has.

use std::ops::ControlFlow;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::find::Place;
use crate::client::wire::{FullMessage, HasId, Head, Info, Message, Part, RawMessage, ToolDetails};
use crate::client::{Answer, Limit, Pages};
use crate::runner::session::prices::Prices;
use crate::runner::session::server::Server;
use crate::runner::turn::Tokens;
use crate::runner::turn::record::{Failed, UsedModel};

/// One message. It is serialised just so for `--json`; see `docs/json.md`.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// `msg_…`.
    pub id: String,
    /// `ses_…`.
    pub conversation: String,
    /// `user` or `assistant`.
    pub role: String,
    /// The prompt that it answers; for a prompt its own id.
    pub turn: Option<String>,
    /// What it says; each of several parts begins on a line of its own.
    pub text: String,
    /// The tools that it called.
    pub tools: Vec<ToolCall>,
    /// Why it failed.
    pub error: Option<Failed>,
    /// `stop`, `tool-calls`, …
    pub finish: Option<String>,
    /// The model of an answer.
    pub model: Option<UsedModel>,
    /// The agent that it is from or for.
    pub agent: Option<String>,
    /// What an answer used.
    pub tokens: Option<Tokens>,
    /// US dollars; `None` for 0, which a server also says of what has no price, until
    /// [`Entry::settle_cost`] knows more.
    pub cost_usd: Option<f64>,
    /// Whether it cost 0 as the server says, and reported what it used.
    #[serde(skip)]
    says_free: bool,
    /// When it began.
    #[serde(serialize_with = "as_text")]
    pub created_at: Option<Timestamp>,
    /// When it was finished; never for a prompt.
    #[serde(serialize_with = "as_text")]
    pub completed_at: Option<Timestamp>,
    /// All of it as the server has it, if that was wanted.
    #[serde(skip)]
    pub raw: Option<Box<RawValue>>,
}

/// One call of a tool.
#[derive(Clone, Debug, Serialize)]
pub struct ToolCall {
    /// For example `bash`.
    pub name: String,
    /// `pending`, `running`, `completed` or `error`.
    pub status: String,
    /// What the tool says it does.
    pub title: Option<String>,
    /// How long it ran.
    pub duration_ms: Option<u64>,
    /// Its arguments, if they were wanted.
    pub input: Option<Value>,
    /// Its result, if it was wanted.
    pub output: Option<String>,
    /// Why it failed, if that was wanted.
    pub error: Option<String>,
}

/// How much of each message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All but the arguments and results of tools.
    Text,
    /// Everything that an [`Entry`] can hold.
    Tools,
    /// The same as for `Text`, and the message as the server sent it.
    Raw,
}

/// Passes all messages of a conversation to `take`, oldest first.
pub fn each_entry(
    server: &Server,
    place: &Place,
    depth: Depth,
    take: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> Answer<()> {
    fn read<T: Source>(
        server: &Server,
        place: &Place,
        take: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Answer<()> {
        server.client.each_message(&place.id, &place.directory, &mut |message: T| {
            message.entry(place).map_or(ControlFlow::Continue(()), &mut *take)
        })
    }
    match depth {
        Depth::Text => read::<Message>(server, place, take),
        Depth::Tools => read::<FullMessage>(server, place, take),
        Depth::Raw => read::<RawMessage>(server, place, take),
    }
}

/// Passes the next page of at most `count` messages to `take`, oldest first. Returns whether there
/// may be older ones.
pub fn each_of_next(
    pages: &mut Pages,
    place: &Place,
    depth: Depth,
    count: usize,
    take: &mut dyn FnMut(Entry),
) -> Answer<bool> {
    fn read<T: Source>(
        pages: &mut Pages,
        place: &Place,
        count: usize,
        take: &mut dyn FnMut(Entry),
    ) -> Answer<bool> {
        pages.each_of_next(count, &mut |message: T| {
            if let Some(entry) = message.entry(place) {
                take(entry);
            }
        })
    }
    match depth {
        Depth::Text => read::<Message>(pages, place, count, take),
        Depth::Tools => read::<FullMessage>(pages, place, count, take),
        Depth::Raw => read::<RawMessage>(pages, place, count, take),
    }
}

/// A message of the wire that becomes an [`Entry`].
trait Source: HasId {
    /// The entry; `None` if what the server sent is not a message.
    fn entry(self, place: &Place) -> Option<Entry>;
}

impl Source for Message {
    fn entry(self, place: &Place) -> Option<Entry> {
        Some(Entry::of(place, self))
    }
}

impl Source for FullMessage {
    fn entry(self, place: &Place) -> Option<Entry> {
        let parts = self.parts.into_iter().map(|part| part.split());
        Some(Entry::new(place, self.info, parts))
    }
}

impl Source for RawMessage {
    fn entry(self, place: &Place) -> Option<Entry> {
        let entry = self.message?.entry(place)?;
        Some(Entry { raw: Some(self.raw), ..entry })
    }
}

impl Entry {
    /// A message without the arguments and results of its tools.
    pub fn of(place: &Place, message: Message) -> Entry {
        let parts = message.parts.into_iter().map(|part| (part, ToolDetails::default()));
        Entry::new(place, message.info, parts)
    }

    /// A message of which only the head is known.
    pub fn of_head(place: &Place, head: Head) -> Entry {
        Entry::new(place, head.info, std::iter::empty())
    }

    /// Whether it is a prompt and not an answer.
    pub fn is_prompt(&self) -> bool {
        self.role == "user"
    }

    /// Whether nothing more will be added. A prompt is complete once its text is there.
    pub fn is_complete(&self) -> bool {
        if self.is_prompt() {
            !self.text.is_empty()
        } else {
            self.completed_at.is_some() || self.error.is_some()
        }
    }

    fn new(place: &Place, info: Info, parts: impl Iterator<Item = (Part, ToolDetails)>) -> Entry {
        let mut text = String::new();
        let mut tools = Vec::new();
        for (part, details) in parts {
            match part.kind.as_str() {
                "text" if !part.synthetic && !part.ignored && !part.text.is_empty() => {
                    if !text.is_empty() && !text.ends_with('\n') {
                        text.push('\n');
                    }
                    text.push_str(&part.text);
                }
                "tool" => tools.push(ToolCall::new(part, details)),
                _ => {}
            }
        }
        let says_free = info.cost == Some(0.0) && info.has_usage();
        let error = info.error.as_ref().map(|error| Failed::of(error).about(&info));
        let own = info.is_prompt().then(|| info.id.clone());
        let turn = info.parent.or(own);
        Entry {
            id: info.id,
            conversation: place.id.clone(),
            role: info.role,
            turn,
            text,
            tools,
            error,
            finish: info.finish,
            model: info.provider.zip(info.model).map(|(provider, id)| UsedModel {
                provider,
                id,
                variant: info.variant,
            }),
            agent: info.agent,
            tokens: info.tokens.map(Tokens::from),
            cost_usd: info.cost.filter(|cost| *cost > 0.0),
            says_free,
            created_at: moment(info.time.created),
            completed_at: moment(info.time.completed),
            raw: None,
        }
    }
}

impl Entry {
    /// Makes a cost of 0 known where the model's price says that it is true.
    pub fn settle_cost(&mut self, prices: &Prices) {
        if self.says_free
            && let Some(model) = &self.model
            && prices.knows(&model.provider, &model.id, Limit::Ordinary)
        {
            self.cost_usd = Some(0.0);
        }
    }
}

impl ToolCall {
    fn new(part: Part, details: ToolDetails) -> ToolCall {
        ToolCall {
            name: part.tool.unwrap_or_default(),
            status: part.state.status,
            title: part.state.title.filter(|title| !title.is_empty()),
            duration_ms: part.state.time.duration_ms(),
            input: details.input,
            output: details.output,
            error: details.error,
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "error")
    }
}

/// A moment as the server sends it, in milliseconds since 1970; `None` if it cannot be one.
pub fn moment(milliseconds: Option<f64>) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds? as i64).ok()
}

fn as_text<S: serde::Serializer>(
    time: &Option<Timestamp>,
    out: S,
) -> std::result::Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(out)
}
