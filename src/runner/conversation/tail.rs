//! The newest messages of a conversation, filtered, oldest first: `tail`. Pages are read backwards,
//! and reading stops as soon as there are enough messages.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::entry::{Depth, Entry, each_entry, each_of_next};
use super::find::{self, Place};
use super::turns;
use crate::client::Limit;
use crate::client::wire::{Head, Info};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::prices::Prices;
use crate::runner::session::server::Server;

/// How many messages are asked for first when most of them may not be wanted.
const SEARCH_PAGE: usize = 20;

/// The most that are asked for at once: a server holds a page in memory before it sends it.
const LARGEST_PAGE: usize = 200;

/// The most that are held before they are handed over.
const HELD: usize = 1000;

/// More than any conversation has: that many messages are all of them and need not be counted.
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
    /// Only messages whose text contains this; case does not count.
    pub search: Option<String>,
    /// Only the messages of this turn.
    pub turn: Option<String>,
    /// Also the conversations above it.
    pub chain: bool,
    /// Arguments and results of tools.
    pub tools: bool,
    /// The messages as the server has them.
    pub raw: bool,
    /// Whether a cost of 0 is true is asked for, once for each model.
    pub costs: bool,
    /// While following: only messages that are complete, and no pieces.
    pub whole: bool,
}

/// Receives messages.
pub trait MessageSink {
    /// Comes first: the session and the conversation.
    fn begin(&mut self, session: &str, conversation: &str) -> Result<()>;
    /// Takes one message after the other, oldest first; false if no more are wanted.
    fn entry(&mut self, entry: &Entry) -> Result<bool>;
}

/// Hands over the newest messages of a session that pass the filters.
pub fn tail(
    context: &Context,
    word: &str,
    options: &TailOptions,
    sink: &mut dyn MessageSink,
) -> Result<()> {
    Server::with(context, word, |server| {
        let place = find::given_or_latest(server, options.conversation.as_deref())?;
        let options = &options.with_turn(server, &place)?;
        sink.begin(&server.record.id, &place.id)?;
        hand_over(server, &place, options, sink)
    })
}

/// The same for a conversation that has been found; without [`MessageSink::begin`].
pub fn hand_over(
    server: &Server,
    place: &Place,
    options: &TailOptions,
    sink: &mut dyn MessageSink,
) -> Result<()> {
    if options.turn.is_none() && options.count.is_none_or(|count| count > HELD) {
        return pass_on(server, place, options, sink);
    }
    let prices = Prices::new(server, &place.directory);
    for mut entry in collect(server, place, options)? {
        if options.costs {
            entry.settle_cost(&prices);
        }
        if !sink.entry(&entry)? {
            break;
        }
    }
    Ok(())
}

/// Hands over more messages than may be held: they are passed on as they arrive.
fn pass_on(
    server: &Server,
    place: &Place,
    options: &TailOptions,
    sink: &mut dyn MessageSink,
) -> Result<()> {
    let mut places = vec![place.clone()];
    if options.chain {
        let above = find::ancestors(server, place)?;
        places.extend(above.into_iter().rev().map(|found| Place::of(found, server)));
    }
    let filter = options.filter();
    let prices = Prices::new(server, &place.directory);
    for section in sections(server, &places, &filter, options.count)?.iter().rev() {
        let mut index = 0;
        let mut more_wanted = Ok(true);
        let take = &mut |mut entry: Entry| {
            if filter.passes(&entry) {
                index += 1;
                if index > section.skip {
                    if options.costs {
                        entry.settle_cost(&prices);
                    }
                    more_wanted = sink.entry(&entry);
                }
            }
            match more_wanted {
                Ok(true) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        each_entry(server, section.place, options.depth(), take)
            .map_err(|failure| find::gone(server, section.place, failure))?;
        if !more_wanted? {
            break;
        }
    }
    Ok(())
}

/// A conversation of which the last messages are wanted.
struct Section<'a> {
    place: &'a Place,
    /// How many messages that pass the filter come before the first wanted one.
    skip: usize,
}

/// The conversations that hold the last `count` messages, in the order of `places`. All messages
/// are read for that and none is kept.
fn sections<'a>(
    server: &Server,
    places: &'a [Place],
    filter: &Filter,
    count: Option<usize>,
) -> Result<Vec<Section<'a>>> {
    let Some(mut missing) = count.filter(|count| *count < ALL) else {
        return Ok(places.iter().map(|place| Section { place, skip: 0 }).collect());
    };
    let mut sections = Vec::new();
    for place in places {
        if missing == 0 {
            break;
        }
        let mut passing = 0;
        let take = &mut |entry: Entry| {
            passing += usize::from(filter.passes(&entry));
            ControlFlow::Continue(())
        };
        each_entry(server, place, Depth::Text, take)
            .map_err(|failure| find::gone(server, place, failure))?;
        sections.push(Section { place, skip: passing.saturating_sub(missing) });
        missing = missing.saturating_sub(passing);
    }
    Ok(sections)
}

/// The wanted messages, where they are few enough to be held.
fn collect(server: &Server, place: &Place, options: &TailOptions) -> Result<VecDeque<Entry>> {
    if let Some(turn) = &options.turn {
        check_turn(server, place, turn)?;
    }
    let mut found = read_newest(server, place, options, options.count)?;
    if options.chain {
        for above in find::ancestors(server, place)?.into_iter().rev() {
            let missing = options.count.map(|count| count - found.len());
            if missing == Some(0) {
                break;
            }
            let place = Place::of(above, server);
            let mut older = read_newest(server, &place, options, missing)?;
            older.append(&mut found);
            found = older;
        }
    }
    Ok(found)
}

/// Checks that a turn exists. It is named by its prompt; for an answer the error names the turn.
fn check_turn(server: &Server, place: &Place, turn: &str) -> Result<()> {
    // Without an id the request would go to another route.
    if turn.is_empty() {
        return Err(find::no_turn(server, place, turn));
    }
    let found = server.client.message::<Head>(&place.id, &place.directory, turn, Limit::Ordinary);
    match found.map(|head| head.info) {
        Ok(Info { parent: None, .. }) => Ok(()),
        Ok(Info { parent: Some(parent), .. }) => Err(find::no_turn(server, place, turn)
            .hint(format!("{turn} is an answer that belongs to the turn {parent}"))),
        Err(failure) if failure.is_missing() => Err(find::no_turn(server, place, turn)),
        Err(failure) => Err(failure.into()),
    }
}

/// The newest messages that pass the filters, oldest first; at most `count` of them.
fn read_newest(
    server: &Server,
    place: &Place,
    options: &TailOptions,
    count: Option<usize>,
) -> Result<VecDeque<Entry>> {
    let count = count.unwrap_or(usize::MAX);
    if count == 0 {
        return Ok(VecDeque::new());
    }
    let filter = options.filter();
    let mut size = if filter.is_empty() { count.min(LARGEST_PAGE) } else { SEARCH_PAGE };
    let mut found = VecDeque::new();
    let mut pages = server.client.pages(&place.id, &place.directory, Limit::Long);
    loop {
        let room = count - found.len();
        let mut older = VecDeque::new();
        let mut reached_turn = false;
        let take = &mut |entry: Entry| {
            reached_turn |= options.turn.as_ref() == Some(&entry.id);
            if filter.passes(&entry) {
                // No more of a page is held than is wanted.
                if older.len() >= room {
                    older.pop_front();
                }
                older.push_back(entry);
            }
        };
        let more = each_of_next(&mut pages, place, options.depth(), size, take)
            .map_err(|failure| find::gone(server, place, failure))?;
        older.append(&mut found);
        found = older;
        if found.len() >= count || reached_turn || !more {
            return Ok(found);
        }
        size = (size * 2).min(LARGEST_PAGE);
        if filter.is_empty() {
            size = size.min(count - found.len());
        }
    }
}

impl TailOptions {
    /// The same with the id of the turn in place of the word that names it.
    pub fn with_turn(&self, server: &Server, place: &Place) -> Result<TailOptions> {
        let turn = self.turn.as_deref().map(|word| turns::turn(server, place, word)).transpose()?;
        Ok(TailOptions { turn, ..self.clone() })
    }

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

    /// Which messages are wanted.
    pub fn filter(&self) -> Filter<'_> {
        Filter {
            role: self.role.as_deref(),
            turn: self.turn.as_deref(),
            search: self.search.as_ref().map(|text| text.to_lowercase()),
        }
    }
}

/// Says which messages are wanted.
pub struct Filter<'a> {
    role: Option<&'a str>,
    turn: Option<&'a str>,
    /// In lower case.
    search: Option<String>,
}

impl Filter<'_> {
    /// Whether every message passes.
    fn is_empty(&self) -> bool {
        self.role.is_none() && self.turn.is_none() && self.search.is_none()
    }

    /// Whether a message passes.
    pub fn passes(&self, entry: &Entry) -> bool {
        self.role.is_none_or(|role| role == entry.role)
            && (self.turn.is_none() || self.turn == entry.turn.as_deref())
            && self.search.as_ref().is_none_or(|text| entry.text.to_lowercase().contains(text))
    }
}
