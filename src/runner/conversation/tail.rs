//! Messages of a conversation as a reader wants them: filtered first, the newest so many of them, oldest
//! first. Pages are read backwards and reading stops as soon as there are enough.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::entry::{Depth, Entry, each_entry, each_of_next};
use super::find::{self, Place};
use crate::client::wire::{Head, Info};
use crate::client::{LONG_READ, Limit};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::units::REQUEST_LIMIT;

/// How many messages are asked for first when most of them may not be wanted.
const SEARCH_PAGE: usize = 20;

/// The most that are asked for at once: a server holds a page in memory before it sends it.
const LARGEST_PAGE: usize = 200;

/// The most that are held before they are handed over.
const HELD: usize = 1000;

/// More than any conversation has, so that nobody needs to count them first.
const ALL: usize = 1_000_000;

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

/// Somebody who takes messages.
pub trait MessageSink {
    /// First: the session and the conversation.
    fn begin(&mut self, session: &str, conversation: &str) -> Result<()>;
    /// Each message, oldest first; whether there is still somebody who wants more.
    fn entry(&mut self, entry: &Entry) -> Result<bool>;
}

/// Hands over the newest messages of a session that pass the filters.
pub fn tail(
    context: &Context,
    word: &str,
    options: &TailOptions,
    sink: &mut dyn MessageSink,
) -> Result<()> {
    let server = Server::open(context, word)?;
    let place = find::given_or_latest(&server, options.conversation.as_deref())?;
    sink.begin(&server.record.id, &place.id)?;
    hand_over(&server, &place, options, sink)
}

/// The same for a conversation that has been found.
pub fn hand_over(
    server: &Server,
    place: &Place,
    options: &TailOptions,
    sink: &mut dyn MessageSink,
) -> Result<()> {
    if options.turn.is_none() && options.count.is_none_or(|count| count > HELD) {
        return pass_on(server, place, options, sink);
    }
    for entry in &collect(server, place, options)? {
        if !sink.entry(entry)? {
            break;
        }
    }
    Ok(())
}

/// So many messages that they cannot be held: they are counted first and then passed on as they come.
fn pass_on(
    server: &Server,
    place: &Place,
    options: &TailOptions,
    sink: &mut dyn MessageSink,
) -> Result<()> {
    let mut places = vec![place.clone()];
    if options.chain {
        let above = find::ancestors(server, place)?;
        places.extend(above.into_iter().rev().map(|one| Place::of(one, server)));
    }
    let search = options.search.as_ref().map(|text| text.to_lowercase());
    let wants = |entry: &Entry| options.wants(entry, search.as_deref());
    let mut room = options.count.filter(|count| *count < ALL).unwrap_or(usize::MAX);
    // Which conversations are reached, and how many of their first messages are passed over.
    let mut reached: Vec<(&Place, usize)> = Vec::new();
    for place in &places {
        if room == 0 {
            break;
        }
        let mut count = 0;
        if room != usize::MAX {
            let each = &mut |entry: Entry| {
                count += usize::from(wants(&entry));
                ControlFlow::Continue(())
            };
            let read = each_entry(server, place, Depth::Text, each);
            read.map_err(|failure| find::gone(server, place, failure))?;
        }
        reached.push((place, count.saturating_sub(room)));
        room = if room == usize::MAX { room } else { room.saturating_sub(count) };
    }
    for (place, skip) in reached.into_iter().rev() {
        let (mut index, mut end) = (0, Ok(true));
        let each = &mut |entry: Entry| {
            if wants(&entry) {
                index += 1;
                if index > skip {
                    end = sink.entry(&entry);
                }
            }
            if matches!(end, Ok(true)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let read = each_entry(server, place, options.depth(), each);
        read.map_err(|failure| find::gone(server, place, failure))?;
        if !end? {
            break;
        }
    }
    Ok(())
}

/// Few enough messages to be held while their pages are read backwards.
fn collect(server: &Server, place: &Place, options: &TailOptions) -> Result<VecDeque<Entry>> {
    if let Some(turn) = &options.turn {
        check_turn(server, place, turn)?;
    }
    let mut found = read(server, place, options, options.count)?;
    if options.chain {
        let left = |found: &VecDeque<Entry>| match options.count {
            Some(count) if found.len() >= count => None,
            count => Some(count.map(|count| count - found.len())),
        };
        for above in find::ancestors(server, place)?.iter().rev() {
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
    // Without an id it is another route that answers.
    if turn.is_empty() {
        return Err(find::no_turn(server, place, turn));
    }
    let found = server.client.message::<Head>(&place.id, &place.directory, turn, REQUEST_LIMIT);
    match found.map(|head| head.info) {
        Ok(Info { parent: None, .. }) => Ok(()),
        Ok(Info { parent: Some(parent), .. }) => Err(find::no_turn(server, place, turn)
            .hint(format!("{turn} is an answer that belongs to the turn {parent}"))),
        Err(failure) if failure.is_missing() => Err(find::no_turn(server, place, turn)),
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
    let mut pages = server
        .client
        .pages(&place.id, &place.directory, Limit::Read(REQUEST_LIMIT))
        .whole_within(Limit::Read(LONG_READ));
    loop {
        let mut older = Collected::new(options, count - found.len());
        let take = &mut |entry| older.take(entry);
        let more = each_of_next(&mut pages, place, options.depth(), size, take)
            .map_err(|failure| find::gone(server, place, failure))?;
        let reached = older.reached_turn;
        older.entries.append(&mut found);
        found = older.entries;
        if found.len() >= count || reached || !more {
            return Ok(found);
        }
        size = (size * 2).min(LARGEST_PAGE);
        if !filtered {
            size = size.min(count - found.len());
        }
    }
}

/// One page as it comes in: never more of it is held than is wanted.
struct Collected<'a> {
    options: &'a TailOptions,
    search: Option<String>,
    room: usize,
    entries: VecDeque<Entry>,
    reached_turn: bool,
}

impl<'a> Collected<'a> {
    fn new(options: &'a TailOptions, room: usize) -> Collected<'a> {
        let search = options.search.as_ref().map(|text| text.to_lowercase());
        Collected { options, search, room, entries: VecDeque::new(), reached_turn: false }
    }

    fn take(&mut self, entry: Entry) {
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
    /// How much of each message is wanted.
    pub fn depth(&self) -> Depth {
        if self.raw {
            Depth::Raw
        } else if self.tools {
            Depth::Tools
        } else {
            Depth::Text
        }
    }

    /// Whether a message passes the filters. `search` is in lower case.
    pub fn wants(&self, entry: &Entry, search: Option<&str>) -> bool {
        let role = self.role.as_ref().is_none_or(|role| *role == entry.role);
        let turn = self.turn.is_none() || self.turn == entry.turn;
        role && turn && search.is_none_or(|text| entry.text.to_lowercase().contains(text))
    }
}
