//! The conversations that are waited for.

use std::collections::BTreeMap;
use std::time::Instant;

use super::options::{Milestone, Reached, Until, WaitOptions};
use super::search::Search;
use crate::client::Answer;
use crate::client::wire::{Activities, is_busy};
use crate::runner::conversation::find::{self, Place};
use crate::runner::conversation::messages::messages_since;
use crate::runner::conversation::turns::{NewestPrompt, newest_prompt};
use crate::runner::conversation::work::BEGINS_WITHIN;
use crate::runner::prompt::watcher::{Watcher, take_heard};
use crate::runner::session::ghosts::live;
use crate::runner::session::pending::Scene;
use crate::runner::session::server::Server;
use crate::runner::session::stream::{Heard, Stream};
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::signals::Signals;
use crate::runner::turn::{Snapshot, Turn};
use crate::units::{Deadline, TICK, pause};

/// The conversations that are waited for.
pub(super) struct Waiting<'a> {
    server: &'a Server,
    options: &'a WaitOptions,
    open: Vec<Open>,
    /// One event stream for each directory.
    streams: BTreeMap<String, Stream>,
    pub(super) reached: Vec<Reached>,
}

/// One conversation that has reached nothing yet.
struct Open {
    place: Place,
    /// Its newest turn.
    turn: Option<Turn>,
    search: Search,
    /// Since when it has had no prompt and nothing has been going on.
    empty_since: Option<Instant>,
    /// Whether it may ask for something that the server cannot list.
    is_unlistable: bool,
}

impl<'a> Waiting<'a> {
    /// Opens the event streams, so that nothing is missed.
    pub(super) fn new(
        server: &'a Server,
        places: Vec<Place>,
        options: &'a WaitOptions,
    ) -> Waiting<'a> {
        let mut streams = BTreeMap::new();
        let mut open = Vec::new();
        for place in places {
            streams
                .entry(place.directory.clone())
                .or_insert_with(|| Stream::open(&server.client, &place.directory, false));
            let search = Search::new(&options.until);
            open.push(Open { place, turn: None, search, empty_since: None, is_unlistable: false });
        }
        Waiting { server, options, open, streams, reached: Vec::new() }
    }

    /// Whether nothing needs to be waited for any more.
    pub(super) fn is_done(&self) -> bool {
        if self.options.wants_only_death() {
            return false;
        }
        self.open.is_empty() || (self.options.any && !self.reached.is_empty())
    }

    /// Whether one of them may ask for something that the server cannot list.
    pub(super) fn may_ask_unseen(&self) -> bool {
        self.open.iter().any(|one| one.is_unlistable)
    }

    /// The conversations that have reached nothing yet.
    pub(super) fn conversations(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|one| one.place.id.as_str())
    }

    /// Listens to the events until one of them makes a look worth while, but not beyond `until`.
    pub(super) fn listen(&mut self, until: Instant, deadline: Deadline, signals: &Signals) {
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
                        wanted |= one.take_heard(&heard);
                    }
                });
                if !self.server.lives() || signals.received().is_some() {
                    return;
                }
            }
        }
    }

    /// Asks REST about every conversation that has reached nothing yet.
    pub(super) fn look(&mut self) -> Answer<()> {
        if self.open.is_empty() && self.server.process.is_none() {
            // The process of an adopted server is not known, so only a request can tell whether the
            // server is still there.
            self.server.client.health(LOOK_LIMIT)?;
        }
        let mut known: BTreeMap<String, Activities> = BTreeMap::new();
        let mut index = 0;
        while let Some(one) = self.open.get_mut(index) {
            let directory = one.place.directory.clone();
            if !known.contains_key(&directory) {
                let activities = self.server.client.activities(&directory, LOOK_LIMIT)?;
                known.insert(directory.clone(), activities);
            }
            match one.look(self.server, &self.options.until, &known[&directory])? {
                Some(what) => {
                    let conversation = Some(self.open.remove(index).place.id);
                    self.reached.push(Reached { conversation, what });
                }
                None => index += 1,
            }
        }
        Ok(())
    }
}

impl Open {
    /// Takes what a stream brought; true if it makes a look worth while.
    fn take_heard(&mut self, heard: &Heard) -> bool {
        let Some(turn) = &mut self.turn else { return false };
        let pending = turn.asks.pending().count();
        take_heard(heard, turn, &mut self.search);
        turn.wants_look() || turn.asks.pending().count() > pending || self.search.has_found()
    }

    /// Whether the conversation has had nothing to do for as long as a prompt may be missing that
    /// the server has accepted.
    fn stays_empty(&mut self, activities: &Activities) -> bool {
        if is_busy(activities, &self.place.id) {
            self.empty_since = None;
            return false;
        }
        self.empty_since.get_or_insert_with(Instant::now).elapsed() >= BEGINS_WITHIN
    }

    /// Asks REST; `Some` if the conversation has reached something.
    fn look(
        &mut self,
        server: &Server,
        until: &[Until],
        activities: &Activities,
    ) -> Answer<Option<Milestone>> {
        let place = &self.place;
        let (id, age) = match newest_prompt(server, place, LOOK_LIMIT.into())? {
            NewestPrompt::Known { id, age } => (id, age),
            NewestPrompt::Unreadable => return Ok(None),
            NewestPrompt::Missing => {
                let is_idle = until.contains(&Until::Idle) && self.stays_empty(activities);
                return Ok(is_idle.then_some(Milestone::Idle(None)));
            }
        };
        self.empty_since = None;
        let turn = match self.turn.take().filter(|turn| turn.id() == id) {
            Some(turn) => turn,
            None => {
                self.search = Search::new(until);
                // The age counts: a prompt that has had its time to begin gets no more of it.
                let accepted = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
                Turn::new(&place.id, &id, accepted)
            }
        };
        let turn = self.turn.insert(turn);
        let messages = messages_since(server, place, &id, None, LOOK_LIMIT.into())?;
        let at = Instant::now();
        let snapshot = Snapshot { messages: &messages, activities: Some(activities), at };
        let search = &mut self.search;
        let end = turn.apply_snapshot(&snapshot, &mut |text| search.text(text));
        let below = find::descendants_within(server, place, LOOK_LIMIT.into())?;
        let mut ask = None;
        if until.contains(&Until::Ask) {
            let heard = turn.asks.pending_permissions().next().map(|ask| ask.id.clone());
            ask = match pending_ask(server, place, &below, heard) {
                Err(failure) if failure.hides_asks() => {
                    self.is_unlistable = true;
                    None
                }
                ask => ask?,
            };
        }
        let is_busy = |id: &String| is_busy(activities, id);
        let end = end.filter(|_| !below.iter().any(is_busy));
        Ok(until.iter().find_map(|until| match until {
            Until::Ask => ask.clone().map(Milestone::Ask),
            Until::Idle => end.clone().map(|end| Milestone::Idle(end.failure())),
            Until::Text(wanted) => turn.text().all().contains(wanted).then_some(Milestone::Text),
            Until::Dead => None,
        }))
    }
}

/// The id of a live ask of the conversation or of one below it. The one that an event told of
/// counts where the server cannot list them.
fn pending_ask(
    server: &Server,
    place: &Place,
    below: &[String],
    heard: Option<String>,
) -> Answer<Option<String>> {
    let is_ours = |conversation: &String| *conversation == place.id || below.contains(conversation);
    let pending = match Scene::of(server, &place.directory, LOOK_LIMIT).permissions() {
        Err(failure) if failure.hides_asks() && heard.is_some() => return Ok(heard),
        pending => pending?,
    };
    let mut permissions = pending.asks;
    permissions.retain(|ask| is_ours(&ask.conversation));
    let permissions = live(server, &place.directory, permissions, LOOK_LIMIT.into())?;
    if let Some(ask) = permissions.into_iter().next() {
        return Ok(Some(ask.id));
    }
    if !pending.complete && heard.is_some() {
        return Ok(heard);
    }
    let mut questions = server.client.questions(&place.directory, LOOK_LIMIT)?;
    questions.retain(|ask| is_ours(&ask.conversation));
    let questions = live(server, &place.directory, questions, LOOK_LIMIT.into())?;
    Ok(questions.into_iter().next().map(|ask| ask.id))
}
