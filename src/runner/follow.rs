//! Follows one turn to its end: events for speed, REST for truth, limits for everything.

use std::time::{Duration, Instant};

use super::abort::abort;
use super::conversation::Place;
use super::outcome::{Failed, Outcome, TurnRecord};
use super::report;
use super::server::{Server, capped};
use super::turn::{End, Look, Turn};
use super::{Context, Signals};
use crate::client::wire::{Activities, Message};
use crate::client::{Cause, Event, EventStream, Failure, Received};
use crate::error::{Code, Result};
use crate::process;
use crate::units::{Backoff, Deadline, HEARTBEAT_SILENCE, TICK, seconds};

/// One request while a turn is followed: short, so that a limit or a signal is never far away.
pub const LOOK_LIMIT: Duration = Duration::from_secs(10);
/// How often REST is asked while events tell that the turn goes on.
const CALM: Duration = Duration::from_secs(5);
/// The same while they tell nothing.
const ALERT_FIRST: Duration = Duration::from_millis(250);
const ALERT_LONGEST: Duration = Duration::from_secs(2);
/// How soon REST is asked again when an event says that the end is near and REST does not yet.
const NEAR_FIRST: Duration = Duration::from_millis(10);
/// The pauses between tries to open an event stream.
const RECONNECT_LONGEST: Duration = Duration::from_secs(5);
/// How many messages a look starts with; a turn's last steps are among them.
const PAGE: usize = 8;
/// How many are asked for at once when all of a turn is wanted.
const WHOLE_PAGE: usize = 50;

/// Somebody who watches a turn.
pub trait Watcher {
    /// Text, as soon as it is known.
    fn text(&mut self, text: &str);
    /// Nobody watches any more; the turn shall go on without us.
    fn gone(&self) -> bool {
        false
    }
}

/// A turn that is being followed.
pub struct Follower<'a> {
    context: &'a Context,
    signals: &'a Signals,
    server: &'a Server,
    place: &'a Place,
    turn_id: &'a str,
    turn: Turn,
    stream: Option<EventStream>,
    reconnect: Instant,
    reconnect_pauses: Backoff,
    deadline: Deadline,
    limit: Duration,
    had_gap: bool,
}

impl<'a> Follower<'a> {
    /// Prepares to follow; opens the event stream, so that nothing of the turn is missed.
    pub fn prepare(
        context: &'a Context,
        signals: &'a Signals,
        server: &'a Server,
        place: &'a Place,
        turn_id: &'a str,
        limit: Duration,
    ) -> Follower<'a> {
        let mut follower = Follower {
            context,
            signals,
            server,
            place,
            turn_id,
            turn: Turn::new(&place.id, turn_id, Instant::now()),
            stream: None,
            reconnect: Instant::now(),
            reconnect_pauses: Backoff::new(Duration::from_millis(50), RECONNECT_LONGEST),
            deadline: Deadline::after(limit),
            limit,
            had_gap: false,
        };
        follower.connect();
        follower
    }

    /// Follows to the end; `None` if the watcher has gone.
    pub fn follow(mut self, watcher: &mut dyn Watcher) -> Result<Option<TurnRecord>> {
        let started = jiff::Timestamp::now();
        let began = Instant::now();
        let ended = self.wait_for_end(watcher);
        let (outcome, error) = match ended {
            Ended::Turn(End::Finished) => (Outcome::Ok, None),
            Ended::Turn(End::Aborted) => (Outcome::Not(Code::Aborted), None),
            Ended::Turn(End::Denied) => (Outcome::Not(Code::Blocked), None),
            Ended::Turn(End::Failed(why)) => (Outcome::Not(Code::TurnFailed), Some(why)),
            Ended::Gone => return Ok(None),
            Ended::Limit => {
                abort(self.server, self.place, &self.turn);
                (Outcome::Not(Code::Timeout), Some(self.out_of_time()))
            }
            Ended::Signal(code) => {
                abort(self.server, self.place, &self.turn);
                let failed = named("Interrupted", "a signal arrived; the turn was aborted");
                (Outcome::Not(code), Some(failed))
            }
            Ended::Server(why) => (Outcome::Not(Code::Unreachable), Some(why)),
        };
        let messages = self.whole_turn();
        self.turn.settle(&messages, Instant::now(), &mut |text| watcher.text(text));
        let facts = report::Facts { outcome, error, started, total: began.elapsed(), began };
        Ok(Some(report::record(
            self.server,
            self.place,
            self.turn_id,
            &self.turn,
            &messages,
            facts,
        )))
    }

    fn wait_for_end(&mut self, watcher: &mut dyn Watcher) -> Ended {
        let mut next_look = Instant::now() + ALERT_FIRST;
        let mut near = Backoff::new(NEAR_FIRST, ALERT_FIRST);
        let mut alert = Backoff::new(ALERT_FIRST, ALERT_LONGEST);
        let mut progress = 0;
        loop {
            if let Some(code) = self.signals.received() {
                return Ended::Signal(code);
            }
            if self.deadline.expired() {
                return Ended::Limit;
            }
            if watcher.gone() {
                return Ended::Gone;
            }
            let wanted = self.turn.look_wanted();
            self.listen(next_look, watcher);
            let newly_wanted = self.turn.look_wanted() && !wanted;
            if newly_wanted || Instant::now() >= next_look {
                match self.look(watcher) {
                    Ok(Some(end)) => return Ended::Turn(end),
                    Ok(None) => {}
                    Err(failure) => {
                        if let Some(ended) = self.hopeless(&failure) {
                            return ended;
                        }
                    }
                }
                let moved = self.turn.progress() != progress;
                progress = self.turn.progress();
                let pause = if self.turn.look_wanted() {
                    near.next()
                } else if moved && self.stream.is_some() {
                    near = Backoff::new(NEAR_FIRST, ALERT_FIRST);
                    alert = Backoff::new(ALERT_FIRST, ALERT_LONGEST);
                    CALM
                } else {
                    alert.next()
                };
                next_look = Instant::now() + pause;
            }
        }
    }

    /// Takes what the stream has, or waits for as long as there is nothing better to do.
    fn listen(&mut self, until: Instant, watcher: &mut dyn Watcher) {
        if self.stream.is_none() && Instant::now() >= self.reconnect {
            self.connect();
        }
        let pause = until.saturating_duration_since(Instant::now()).min(TICK);
        let Some(stream) = &mut self.stream else {
            process::pause(self.deadline.remaining(pause));
            return;
        };
        let turn = &mut self.turn;
        let mut useful = false;
        let received = stream.pump(&mut |data| {
            let event = Event::decode(data, &|conversation| turn.concerns(conversation));
            useful |= event.is_some();
            if let Some(event) = event {
                turn.event(&event, Instant::now(), &mut |text| watcher.text(text));
            }
        });
        let silent = stream.silence() >= HEARTBEAT_SILENCE;
        if useful {
            self.reconnect_pauses = Backoff::new(Duration::from_millis(50), RECONNECT_LONGEST);
        }
        if matches!(received, Received::Ended(_)) || silent {
            self.stream = None;
            self.reconnect = Instant::now() + self.reconnect_pauses.next();
        }
    }

    fn connect(&mut self) {
        // What happened while there was no stream is lost; there is no replay.
        if self.had_gap {
            self.turn.gap();
        }
        self.had_gap = true;
        match EventStream::open(&self.server.client, &self.place.directory, TICK) {
            Ok(stream) => self.stream = Some(stream),
            Err(_) => self.reconnect = Instant::now() + self.reconnect_pauses.next(),
        }
    }

    fn look(&mut self, watcher: &mut dyn Watcher) -> std::result::Result<Option<End>, Failure> {
        let limit = capped(self.deadline.remaining(LOOK_LIMIT), LOOK_LIMIT);
        let client = &self.server.client;
        // First what is going on and then the messages: a turn that ends in between looks busy
        // with an end, which is right, and not idle without one.
        let activities: Activities = client.activities(&self.place.directory, limit)?;
        let messages = messages_since(self.server, self.place, self.turn_id, false, limit)?;
        let look = Look { messages: &messages, activities: &activities, at: Instant::now() };
        Ok(self.turn.look(&look, &mut |text| watcher.text(text)))
    }

    /// Whether a failed request means that there is nothing to wait for.
    fn hopeless(&self, failure: &Failure) -> Option<Ended> {
        if let Some(error) = self.server.ended(self.context) {
            return Some(Ended::Server(named("ServerEnded", &error.message)));
        }
        match failure.cause {
            Cause::Unauthorized => Some(Ended::Server(named("Unauthorized", &failure.to_string()))),
            Cause::Status(404, _) => {
                let message = format!("conversation {} is gone", self.place.id);
                Some(Ended::Turn(End::Failed(named("ConversationGone", &message))))
            }
            _ => None,
        }
    }

    fn out_of_time(&self) -> Failed {
        let limit = seconds(self.limit);
        let mut message = format!("the turn was not over after {limit}; it was aborted");
        if let Some(why) = self.turn.retrying() {
            message = format!("{message} while the provider was being tried again: {why}");
        }
        named("Timeout", &message)
    }

    /// All messages of the turn, as far as the server still tells.
    fn whole_turn(&self) -> Vec<Message> {
        let found = messages_since(self.server, self.place, self.turn_id, true, LOOK_LIMIT);
        let mut messages = found.unwrap_or_default();
        messages.retain(|message| message.info.parent.as_deref() == Some(self.turn_id));
        messages
    }
}

enum Ended {
    Turn(End),
    Gone,
    Limit,
    Signal(Code),
    Server(Failed),
}

fn named(name: &str, message: &str) -> Failed {
    Failed { name: name.into(), message: message.into() }
}

/// The messages from the prompt on, oldest first: all of them with `whole`, or else at least the
/// newest ones and one of the turn's own.
pub fn messages_since(
    server: &Server,
    place: &Place,
    turn: &str,
    whole: bool,
    limit: Duration,
) -> std::result::Result<Vec<Message>, Failure> {
    let mut found: Vec<Message> = Vec::new();
    let mut cursor: Option<String> = None;
    let mut page = if whole { WHOLE_PAGE } else { PAGE };
    loop {
        let (mut messages, next) =
            server.client.messages(&place.id, &place.directory, page, cursor.as_deref(), limit)?;
        let full = messages.len() >= page;
        messages.append(&mut found);
        found = messages;
        let reached = found.first().is_none_or(|first| first.info.id.as_str() <= turn);
        let ours = found.iter().any(|message| message.info.parent.as_deref() == Some(turn));
        if reached || !full || (ours && !whole) {
            found.retain(|message| message.info.id.as_str() >= turn);
            return Ok(found);
        }
        page = WHOLE_PAGE;
        if next.is_none() || next == cursor {
            // A server without cursors gives everything at once.
            page = usize::MAX >> 16;
            found.clear();
        }
        cursor = next;
    }
}
