//! The conversations that are waited for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::options::{Reached, Until, WaitOptions};
use super::search::Search;
use crate::client::wire::{Activities, Message};
use crate::client::{Answer, Limit};
use crate::runner::conversation::find::{self, Place};
use crate::runner::conversation::messages::messages_since;
use crate::runner::prompt::watcher::{Watcher, tell};
use crate::runner::session::server::Server;
use crate::runner::session::stream::Stream;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::turn::{Snapshot, Turn};
use crate::units::{Deadline, TICK, pause};

/// How many messages are searched for a prompt first, and how many times more on every further page.
const PAGE: usize = 8;

/// One conversation that has reached nothing yet.
struct Open {
    place: Place,
    /// Its newest turn.
    turn: Option<Turn>,
    search: Search,
}

/// Conversations that are waited for.
pub(super) struct Waiting<'a> {
    server: &'a Server,
    options: &'a WaitOptions,
    open: Vec<Open>,
    streams: BTreeMap<String, Stream>,
    pub(super) reached: Vec<Reached>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(
        server: &'a Server,
        places: Vec<Place>,
        options: &'a WaitOptions,
    ) -> Waiting<'a> {
        let mut streams = BTreeMap::new();
        for place in &places {
            let open = || Stream::open(&server.client, &place.directory, false);
            streams.entry(place.directory.clone()).or_insert_with(open);
        }
        let search = Search::new(&options.until);
        let open = |place| Open { place, turn: None, search: search.clone() };
        let open = places.into_iter().map(open).collect();
        Waiting { server, options, open, streams, reached: Vec::new() }
    }

    pub(super) fn done(&self) -> bool {
        let only_dead = self.options.until == [Until::Dead];
        !only_dead && (self.open.is_empty() || (self.options.any && !self.reached.is_empty()))
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|one| one.place.id.as_str())
    }

    pub(super) fn listen(&mut self, until: Instant, deadline: Deadline) {
        let mut wanted = false;
        while !wanted && Instant::now() < until && !deadline.expired() {
            if self.streams.is_empty() {
                pause(deadline.remaining(TICK));
                return;
            }
            for (directory, stream) in &mut self.streams {
                let open = &mut self.open;
                stream.receive(&self.server.client, until, deadline, &mut |heard| {
                    for one in open.iter_mut().filter(|one| one.place.directory == *directory) {
                        if let Some(turn) = &mut one.turn {
                            let before = turn.asks.pending().count();
                            tell(&heard, turn, &mut one.search);
                            wanted |= turn.wants_look() || turn.asks.pending().count() > before;
                            wanted |= one.search.found;
                        }
                    }
                });
                if !stream.is_open() || !self.server.lives() {
                    return;
                }
            }
        }
    }

    /// Asks REST about every conversation that has reached nothing yet.
    pub(super) fn look(&mut self) -> Answer<()> {
        if self.open.is_empty() && self.server.process.is_none() {
            // Only asking tells whether a server of somebody else is still there.
            self.server.client.health(LOOK_LIMIT)?;
        }
        let mut known: BTreeMap<String, Activities> = BTreeMap::new();
        for one in &mut self.open {
            let place = &one.place;
            if !known.contains_key(&place.directory) {
                let activities = self.server.client.activities(&place.directory, LOOK_LIMIT)?;
                known.insert(place.directory.clone(), activities);
            }
            let activities = &known[&place.directory];
            let reached = look_at(self.server, self.options, one, activities, LOOK_LIMIT)?;
            self.reached.extend(reached);
        }
        let reached = &self.reached;
        let is =
            |place: &Place| reached.iter().any(|one| one.conversation.as_ref() == Some(&place.id));
        self.open.retain(|one| !is(&one.place));
        Ok(())
    }
}

/// What one conversation has reached.
fn look_at(
    server: &Server,
    options: &WaitOptions,
    one: &mut Open,
    activities: &Activities,
    limit: Duration,
) -> Answer<Option<Reached>> {
    let Open { place, turn, search } = one;
    let reached = |what, ask| Some(Reached { conversation: Some(place.id.clone()), what, ask });
    let Some(newest) = newest_prompt(server, place, limit)? else {
        // Nothing was ever said in it.
        let idle = options.until.contains(&Until::Idle);
        return Ok(if idle { reached("idle", None) } else { None });
    };
    if newest.0.is_empty() {
        return Ok(None);
    }
    if turn.as_ref().is_none_or(|turn| turn.id() != newest.0) {
        // A prompt that was never answered is not waited for once more.
        let accepted = Instant::now().checked_sub(newest.1).unwrap_or_else(Instant::now);
        *turn = Some(Turn::new(&place.id, &newest.0, accepted));
        *search = Search::new(&options.until);
    }
    let Some(turn) = turn else { return Ok(None) };
    let messages = messages_since(server, place, &newest.0, None, limit)?;
    let snapshot =
        Snapshot { messages: &messages, activities: Some(activities), at: Instant::now() };
    let end = turn.apply_snapshot(&snapshot, &mut |text| search.text(text));
    let below = find::descendants_within(server, place, limit)?;
    let ask = pending_ask(server, place, &below, limit)?;
    let tree_busy = below.iter().any(|id| activities.get(id).is_some_and(|one| one.is_busy()));
    for until in &options.until {
        match until {
            Until::Ask if ask.is_some() => return Ok(reached("ask", ask)),
            Until::Idle if end.is_some() && !tree_busy => return Ok(reached("idle", None)),
            until if says(turn, until) => return Ok(reached("text", None)),
            _ => {}
        }
    }
    Ok(None)
}

fn says(turn: &Turn, until: &Until) -> bool {
    matches!(until, Until::Text(wanted) if turn.text().all().contains(wanted.as_str()))
}

/// The id of the newest prompt, and how old it is; no id if the server cannot show it and there is no
/// answer yet that names it.
fn newest_prompt(
    server: &Server,
    place: &Place,
    limit: Duration,
) -> Answer<Option<(String, Duration)>> {
    let (id, directory) = (&place.id, &place.directory);
    let mut pages = server.client.pages(id, directory, Limit::Whole(limit));
    let mut size = PAGE;
    let newest: Option<Message> = loop {
        match pages.next(size) {
            Ok(Some(page)) => {
                let prompt = |message: &Message| message.info.is_prompt();
                if let Some(newest) = page.into_iter().rev().find(prompt) {
                    break Some(newest);
                }
            }
            Ok(None) => break None,
            // It is on this page. An answer to it may have come.
            Err(failure) if failure.is_unreadable() => {
                match server.client.newest_message(id, directory, Limit::Whole(limit)) {
                    Err(failure) if failure.is_unreadable() => return Ok(Some(Default::default())),
                    newest => break newest?,
                }
            }
            Err(failure) => return Err(failure),
        }
        size *= PAGE;
    };
    let now = jiff::Timestamp::now().as_millisecond() as f64;
    let age = |created: f64| Duration::from_millis((now - created).max(0.0) as u64);
    Ok(newest.map(|Message { info, .. }| {
        (info.parent.unwrap_or(info.id), info.time.created.map(age).unwrap_or_default())
    }))
}

fn pending_ask(
    server: &Server,
    place: &Place,
    below: &[String],
    limit: Duration,
) -> Answer<Option<String>> {
    let ours = |conversation: &String| *conversation == place.id || below.contains(conversation);
    let permissions = server.client.permissions(&place.directory, limit)?;
    if let Some(ask) = permissions.into_iter().find(|ask| ours(&ask.conversation)) {
        return Ok(Some(ask.id));
    }
    let questions = server.client.questions(&place.directory, limit)?;
    Ok(questions.into_iter().find(|ask| ours(&ask.conversation)).map(|ask| ask.id))
}
