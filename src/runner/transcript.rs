//! Messages of a conversation as a reader wants them: filtered first, the newest so many of them, oldest
//! first. Pages are read backwards and reading stops as soon as there are enough.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Context;
use super::conversation::{self, Place};
use super::outcome::{Failed, Model, Tokens};
use super::server::Server;
use crate::client::wire::{FullMessage, Head, Info, Message, Part, ToolDetails};
use crate::client::{Failure, LONG_READ, Page};
use crate::error::{Error, Result};
use crate::units::REQUEST_LIMIT;

/// How many messages are asked for first when most of them may not be wanted.
const SEARCH_PAGE: usize = 20;
/// The most that are asked for at once: a server holds a page in memory before it sends it.
const LARGEST_PAGE: usize = 200;

/// Which messages are wanted, and how much of them.
#[derive(Clone, Debug, Default)]
pub struct TailOptions {
    /// Default: the newest root conversation.
    pub conversation: Option<String>,
    /// How many, after the filters; `None` for all.
    pub count: Option<usize>,
    /// `user` or `assistant`.
    pub role: Option<String>,
    /// Only messages whose text holds this, upper and lower case being the same.
    pub search: Option<String>,
    /// Only the messages of this turn.
    pub turn: Option<String>,
    /// The conversations above it too.
    pub chain: bool,
    /// Arguments and results of tools.
    pub tools: bool,
    /// The messages as the server has them.
    pub raw: bool,
    /// While following: only messages that are complete, and no pieces.
    pub whole: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Tail {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// Oldest first.
    pub entries: VecDeque<Entry>,
}

/// One message. Serialised as it stands for `--json`; see `docs/json.md`.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// `msg_…`.
    pub id: String,
    /// `ses_…`.
    pub conversation: String,
    /// `user` or `assistant`.
    pub role: String,
    /// The prompt that it answers; of a prompt its own id.
    pub turn: Option<String>,
    /// What it says; several parts begin on lines of their own.
    pub text: String,
    /// The tools that it called.
    pub tools: Vec<ToolCall>,
    /// Why it failed.
    pub error: Option<Failed>,
    /// `stop`, `tool-calls`, …
    pub finish: Option<String>,
    /// Of an answer.
    pub model: Option<Model>,
    /// Whose it is.
    pub agent: Option<String>,
    /// Of an answer.
    pub tokens: Option<Tokens>,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// When it was begun.
    #[serde(serialize_with = "as_text")]
    pub created_at: Option<Timestamp>,
    /// When it was finished; never for a prompt.
    #[serde(serialize_with = "as_text")]
    pub completed_at: Option<Timestamp>,
    /// All of it as the server has it, where that was asked for.
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
    /// Its arguments, where they were asked for.
    pub input: Option<Value>,
    /// Its result, where it was asked for.
    pub output: Option<String>,
    /// Why it failed, where that was asked for.
    pub error: Option<String>,
}

/// The newest messages of a session that pass the filters.
pub fn tail(context: &Context, word: &str, options: &TailOptions) -> Result<Tail> {
    let server = Server::open(context, word)?;
    let place = conversation::given_or_latest(&server, options.conversation.as_deref())?;
    let entries = collect(&server, &place, options)?;
    Ok(Tail { session: server.record.id, conversation: place.id, entries })
}

/// The same for a conversation that has been found.
pub fn collect(server: &Server, place: &Place, options: &TailOptions) -> Result<VecDeque<Entry>> {
    if let Some(turn) = &options.turn {
        check_turn(server, place, turn)?;
    }
    let mut found = read(server, place, options, options.count)?;
    if options.chain {
        let left = |found: &VecDeque<Entry>| match options.count {
            Some(count) if found.len() >= count => None,
            count => Some(count.map(|count| count - found.len())),
        };
        for above in conversation::ancestors(server, place)?.iter().rev() {
            let Some(count) = left(&found) else { break };
            let place = Place::of(above.clone(), server);
            let mut older = read(server, &place, options, count)?;
            older.append(&mut found);
            found = older;
        }
    }
    Ok(found)
}

/// A turn is named by its prompt. Anything else is an error that helps.
fn check_turn(server: &Server, place: &Place, turn: &str) -> Result<()> {
    let hint =
        format!("occtl tail {} -s {} --role user --json lists them", server.record.id, place.id);
    let found = server.client.message::<Head>(&place.id, &place.directory, turn);
    let missing = format!("conversation {} has no turn {turn}", place.id);
    match found.map(|head| head.info) {
        Ok(Info { parent: None, .. }) => Ok(()),
        Ok(Info { parent: Some(parent), .. }) => Err(Error::not_found(missing)
            .hint(format!("{turn} is an answer that belongs to the turn {parent}"))),
        Err(failure) if matches!(failure.status(), Some(400 | 404)) => {
            Err(Error::not_found(missing).hint(hint))
        }
        Err(failure) => Err(failure.into()),
    }
}

fn read(
    server: &Server,
    place: &Place,
    options: &TailOptions,
    count: Option<usize>,
) -> Result<VecDeque<Entry>> {
    let count = count.unwrap_or(usize::MAX);
    if count == 0 {
        return Ok(VecDeque::new());
    }
    let filtered = options.role.is_some() || options.search.is_some() || options.turn.is_some();
    let mut size = if filtered { SEARCH_PAGE } else { count.min(LARGEST_PAGE) };
    let mut found = VecDeque::new();
    let mut cursor: Option<String> = None;
    let mut paged = false;
    loop {
        let page = match &cursor {
            Some(cursor) => Page::Before(size, cursor),
            None => Page::Newest(size),
        };
        let mut older = Collected::new(options, count - found.len());
        let next = older.read(server, place, page)?;
        let (seen, reached) = (older.seen, older.reached_turn);
        older.entries.append(&mut found);
        found = older.entries;
        if found.len() >= count || reached {
            return Ok(found);
        }
        paged |= next.is_some();
        match next {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            // A full page and no cursor: this server has none, and gives everything at once.
            None if seen >= size && !paged => {
                let mut all = Collected::new(options, count);
                all.read(server, place, Page::All)?;
                return Ok(all.entries);
            }
            _ => return Ok(found),
        }
        size = (size * 2).min(LARGEST_PAGE).min(if filtered {
            usize::MAX
        } else {
            count - found.len()
        });
    }
}

/// One page as it comes in: never more of it is held than is wanted.
struct Collected<'a> {
    options: &'a TailOptions,
    search: Option<String>,
    room: usize,
    entries: VecDeque<Entry>,
    seen: usize,
    reached_turn: bool,
}

impl<'a> Collected<'a> {
    fn new(options: &'a TailOptions, room: usize) -> Collected<'a> {
        let search = options.search.as_ref().map(|text| text.to_lowercase());
        Collected { options, search, room, entries: VecDeque::new(), seen: 0, reached_turn: false }
    }

    fn read(&mut self, server: &Server, place: &Place, page: Page) -> Result<Option<String>> {
        let (raw, tools) = (self.options.raw, self.options.tools);
        let limit = if matches!(page, Page::All) { LONG_READ } else { REQUEST_LIMIT };
        let result = each_entry(server, place, page, limit, raw, tools, &mut |entry| {
            self.take(entry);
            ControlFlow::Continue(())
        });
        result.map_err(|failure| conversation::gone(server, place, failure))
    }

    fn take(&mut self, entry: Entry) {
        self.seen += 1;
        self.reached_turn |= self.options.turn.as_deref() == Some(entry.id.as_str());
        if self.options.wants(&entry, self.search.as_deref()) {
            if self.entries.len() >= self.room {
                self.entries.pop_front();
            }
            self.entries.push_back(entry);
        }
    }
}

impl TailOptions {
    /// Whether a message passes the filters. `search` is in lower case.
    pub fn wants(&self, entry: &Entry, search: Option<&str>) -> bool {
        let role = self.role.as_ref().is_none_or(|role| *role == entry.role);
        let turn = self.turn.is_none() || self.turn == entry.turn;
        role && turn && search.is_none_or(|text| entry.text.to_lowercase().contains(text))
    }
}

/// Hands over the messages of a page, oldest first, with as much of each as is wanted.
pub fn each_entry(
    server: &Server,
    place: &Place,
    page: Page,
    limit: Duration,
    raw: bool,
    tools: bool,
    take: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> std::result::Result<Option<String>, Failure> {
    let (client, id, directory) = (&server.client, &place.id, &place.directory);
    if raw {
        client.each_message(id, directory, page, limit, &mut |raw: Box<RawValue>| {
            // What is no message to us is passed over as it is everywhere.
            match serde_json::from_str::<Message>(raw.get()) {
                Ok(message) => take(Entry { raw: Some(raw), ..Entry::of(place, message) }),
                Err(_) => ControlFlow::Continue(()),
            }
        })
    } else if tools {
        client.each_message(id, directory, page, limit, &mut |message: FullMessage| {
            take(Entry::of_full(place, message))
        })
    } else {
        client.each_message(id, directory, page, limit, &mut |message: Message| {
            take(Entry::of(place, message))
        })
    }
}

impl Entry {
    fn of(place: &Place, message: Message) -> Entry {
        let parts = message.parts.into_iter().map(|part| (part, ToolDetails::default()));
        Entry::new(place, message.info, parts)
    }

    /// A message of which only the head is known.
    pub fn of_head(place: &Place, head: Head) -> Entry {
        Entry::new(place, head.info, std::iter::empty())
    }

    fn of_full(place: &Place, message: FullMessage) -> Entry {
        Entry::new(place, message.info, message.parts.into_iter().map(|part| part.split()))
    }

    /// Whether nothing more will be added. A prompt is whole once it has parts.
    pub fn complete(&self) -> bool {
        match self.role.as_str() {
            "user" => !self.text.is_empty(),
            _ => self.completed_at.is_some() || self.error.is_some(),
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
        let turn = info.parent.or_else(|| (info.role == "user").then(|| info.id.clone()));
        let failed = |error: &crate::client::wire::TurnError| Failed {
            name: error.name.clone(),
            message: error.text().into(),
        };
        Entry {
            id: info.id,
            conversation: place.id.clone(),
            role: info.role,
            turn,
            text,
            tools,
            error: info.error.as_ref().map(failed),
            finish: info.finish,
            model: info.provider.zip(info.model).map(|(provider, id)| Model {
                provider,
                id,
                variant: info.variant,
            }),
            agent: info.agent,
            tokens: info.tokens.map(|step| {
                let mut tokens = Tokens::default();
                tokens.add(&step);
                tokens
            }),
            cost_usd: info.cost,
            created_at: moment(info.time.created),
            completed_at: moment(info.time.completed),
            raw: None,
        }
    }
}

impl ToolCall {
    fn new(part: Part, details: ToolDetails) -> ToolCall {
        let time = part.state.time;
        ToolCall {
            name: part.tool.unwrap_or_default(),
            status: part.state.status,
            title: part.state.title.filter(|title| !title.is_empty()),
            duration_ms: time.start.zip(time.end).map(|(start, end)| (end - start).max(0.0) as u64),
            input: details.input,
            output: details.output,
            error: details.error,
        }
    }

    /// Whether it has ended.
    pub fn ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "error")
    }
}

/// A moment of the wire, which is in milliseconds; nonsense is unknown.
pub fn moment(milliseconds: Option<f64>) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds? as i64).ok()
}

fn as_text<S: serde::Serializer>(
    time: &Option<Timestamp>,
    out: S,
) -> std::result::Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(out)
}
