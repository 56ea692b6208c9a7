//! Follows one turn to its end: events for speed, REST for truth, limits for everything.

mod answer;
mod held;
mod look;

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use serde_json::json;

use super::abort::abort;
use super::limits::Watch;
use super::options::Terms;
use super::report;
use super::watcher::{Watcher, tell};
use crate::client::wire::Message;
use crate::client::{Cause, Failure, Held};
use crate::error::{Code, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::Place;
use crate::runner::session::operation::Operation;
use crate::runner::session::pace::{FIRST_WITH_STREAM, FIRST_WITHOUT_STREAM, Outlook, Pace};
use crate::runner::session::server::Server;
use crate::runner::session::stream::Stream;
use crate::runner::session::timeouts::LOOK_FIRST;
use crate::runner::turn::record::{Failed, Outcome, TurnRecord};
use crate::runner::turn::{End, Turn};
use crate::units::{CLOSING, Deadline};

/// All that is asked after the end of a turn, for its record, while there is time left for it.
const AFTERCARE: Duration = Duration::from_secs(10);

/// The same where the server did not answer before either.
const SHORT_AFTERCARE: Duration = Duration::from_secs(1);

/// How long sub-agents may go on after the turn itself is over.
const TREE_SETTLES: Duration = Duration::from_secs(10);

/// How long an aborted turn may still be about to begin: a cold directory takes 1.5 s for that.
const BEGINS_WITHIN: Duration = Duration::from_secs(2);

/// A turn that was followed to its end.
pub struct Followed {
    /// What happened.
    pub record: TurnRecord,
    /// The id of its last step.
    pub last: Option<String>,
}

/// What the program knows of a turn that it follows.
pub struct Follower<'a> {
    operation: &'a Operation<'a>,
    server: &'a Server,
    place: &'a Place,
    turn_id: &'a str,
    turn: Turn,
    stream: Stream,
    /// The prompt, while the server holds its answer back.
    held: Option<Held>,
    /// Whether nothing but the end and the answer is wanted.
    only_answer: bool,
    watch: Watch,
    terms: &'a Terms,
    /// Asks that somebody has been told of.
    told: HashSet<String>,
    /// Conversations that are known to be none of ours.
    strangers: HashSet<String>,
    /// Grows when REST shows something new.
    rest_progress: u64,
    fingerprint: u64,
    /// How long one request may take.
    request_limit: Duration,
    /// Why REST could not be asked the last time.
    trouble: Option<String>,
    ended: Option<(End, Instant)>,
    /// All messages of the turn, if the look that saw its end had them.
    whole: Option<Vec<Message>>,
    started: jiff::Timestamp,
    began: Instant,
}

impl<'a> Follower<'a> {
    /// Prepares to follow; opens the event stream, so that nothing of the turn is missed.
    pub fn prepare(
        operation: &'a Operation<'a>,
        place: &'a Place,
        turn_id: &'a str,
        terms: &'a Terms,
    ) -> Follower<'a> {
        let began = Instant::now();
        if let Some(trouble) = terms.hook.trouble() {
            (operation.context.say)(&trouble);
        }
        Follower {
            operation,
            server: &operation.server,
            place,
            turn_id,
            turn: Turn::new(&place.id, turn_id, began),
            stream: Stream::open(&operation.server.client, &place.directory, false),
            held: None,
            only_answer: false,
            watch: Watch::new(terms.limits.clone(), operation.deadline),
            terms,
            told: HashSet::new(),
            strangers: HashSet::new(),
            rest_progress: 0,
            fingerprint: 0,
            request_limit: LOOK_FIRST,
            trouble: None,
            ended: None,
            whole: None,
            started: jiff::Timestamp::now(),
            began,
        }
    }

    /// The turn began before we came: what events told until now is not known.
    pub fn joined(mut self) -> Follower<'a> {
        self.turn.note_gap();
        self
    }

    /// The server answers the prompt itself when the turn is over.
    pub fn holding(mut self, held: Held, only_answer: bool) -> Follower<'a> {
        self.held = Some(held);
        self.only_answer = only_answer;
        self
    }

    /// Follows to the end; `None` if the watcher has gone. The hook is not told of the end yet.
    pub fn follow(mut self, watcher: &mut dyn Watcher) -> Result<Option<Followed>> {
        watcher.give_up_at(self.watch.deadline, &self.operation.signals);
        let Some(ended) = self.wait_for_end(watcher) else { return Ok(None) };
        let closing = match ended {
            Ended::Limit(_) | Ended::Blocked(_) | Ended::Signal(_) => CLOSING,
            _ => self.watch.deadline.remaining(AFTERCARE).max(CLOSING),
        };
        let closing = Deadline::after(closing);
        self.server.client.limit_to(closing, None);
        let (outcome, error) = match ended {
            Ended::Refused(failure) => return Err(failure.into()),
            Ended::Turn(End::Finished) => (Outcome::Ok, None),
            Ended::Turn(End::Aborted) => (Outcome::Not(Code::Aborted), None),
            Ended::Turn(End::Denied) => (Outcome::Not(Code::Blocked), None),
            Ended::Turn(End::Failed(why)) => (Outcome::Not(Code::TurnFailed), Some(why)),
            Ended::Server(why) => (Outcome::Not(Code::Unreachable), Some(why)),
            Ended::Limit(why) => {
                // Somebody could have answered, so that is the reason and the limit is not.
                let waits = self.turn.asks.pending().next().is_some();
                let code = if waits { Code::Blocked } else { Code::Timeout };
                let aborts = self.watch.aborts();
                (Outcome::Not(code), Some(self.give_up(why, aborts, closing)))
            }
            Ended::Blocked(why) => {
                (Outcome::Not(Code::Blocked), Some(self.give_up(why, true, closing)))
            }
            Ended::Signal(code) => {
                let why = named("Interrupted", "a signal arrived");
                (Outcome::Not(code), Some(self.give_up(why, true, closing)))
            }
        };
        if outcome == Outcome::Ok {
            // What it asked for was answered, even if nothing told us so.
            self.turn.asks.keep_pending(&BTreeSet::new());
        }
        let total = self.began.elapsed();
        let (messages, asking) = self.whole_turn(closing);
        self.turn.settle(&messages, Instant::now(), &mut |text| watcher.text(text));
        let (started, began) = (self.started, self.began);
        let facts = report::Facts { outcome, error, started, total, began, asking };
        let record =
            report::record(self.server, self.place, self.turn_id, &mut self.turn, messages, facts);
        let last = self.turn.steps().next_back().map(|info| info.id.clone());
        Ok(Some(Followed { record, last }))
    }

    /// Waits until the turn ends, for whatever reason; `None` if the watcher has gone.
    fn wait_for_end(&mut self, watcher: &mut dyn Watcher) -> Option<Ended> {
        let mut pace = Pace::new(Instant::now(), self.first_look());
        let mut progress = 0;
        loop {
            if let Some(code) = self.operation.signals.received() {
                return Some(Ended::Signal(code));
            }
            if let Some(why) = self.watch.reached(&self.turn, self.rest_progress) {
                return Some(Ended::Limit(why));
            }
            // A prompt that the server may not have read yet could be lost with its connection.
            if watcher.gone() && (self.held.is_none() || self.turn.has_begun()) {
                return None;
            }
            if let Some(ended) = self.answer_asks() {
                return Some(ended);
            }
            let wanted = self.turn.wants_look();
            self.listen(pace.next_look(), watcher);
            if let Some(ended) = self.held_answer(watcher) {
                return Some(ended);
            }
            let newly_wanted = self.turn.wants_look() && !wanted;
            if !newly_wanted && !pace.is_due(Instant::now()) {
                continue;
            }
            match self.look(watcher) {
                Ok(Some(end)) => return Some(Ended::Turn(end)),
                Ok(None) => {}
                Err(failure) => {
                    if let Some(ended) = self.hopeless(&failure) {
                        return Some(ended);
                    }
                }
            }
            let moved = self.turn.progress() != progress;
            progress = self.turn.progress();
            pace.plan(Instant::now(), self.outlook(moved));
        }
    }

    /// How long the first look may wait for events.
    fn first_look(&self) -> Duration {
        if self.turn.wants_look() {
            Duration::ZERO
        } else if self.stream.is_open() {
            FIRST_WITH_STREAM
        } else {
            FIRST_WITHOUT_STREAM
        }
    }

    /// What is known after a look, for the moment of the next one. `moved` says whether events have
    /// come since the last look.
    fn outlook(&self, moved: bool) -> Outlook {
        if self.turn.wants_look() || self.turn.is_ending() || self.ended.is_some() {
            Outlook::EndNear
        } else if moved && self.stream.is_open() {
            Outlook::Moving
        } else {
            Outlook::Quiet
        }
    }

    /// Takes what the stream has, until `until` at most.
    fn listen(&mut self, until: Instant, watcher: &mut dyn Watcher) {
        let turn = &mut self.turn;
        let client = &self.server.client;
        self.stream.receive(client, until, self.watch.deadline, &mut |heard| {
            tell(&heard, turn, watcher);
        });
    }

    /// A turn is over when its tree is; sub-agents that never settle do not hold it for ever.
    fn settled(&mut self, end: Option<End>, tree_busy: bool) -> Option<End> {
        if let Some(end) = end {
            self.ended.get_or_insert((end, Instant::now()));
        }
        let (_, since) = self.ended.as_ref()?;
        if tree_busy && since.elapsed() < TREE_SETTLES {
            return None;
        }
        self.ended.take().map(|(end, _)| end)
    }

    /// Whether a failed request means that there is nothing to wait for.
    fn hopeless(&self, failure: &Failure) -> Option<Ended> {
        if let Some(error) = self.server.ended_by(self.operation.context, failure) {
            return Some(Ended::Server(named("ServerEnded", &error.message)));
        }
        match failure.cause {
            Cause::Unauthorized => Some(Ended::Server(named("Unauthorized", &failure.to_string()))),
            // Other routes may be missing in some version.
            Cause::Status(404, _)
                if failure.request == format!("GET /session/{}/message", self.place.id) =>
            {
                let message = format!("conversation {} is gone", self.place.id);
                Some(Ended::Turn(End::Failed(named("ConversationGone", &message))))
            }
            _ => None,
        }
    }

    /// Ends the turn for a reason, and says what came of it.
    fn give_up(&mut self, why: Failed, aborts: bool, closing: Deadline) -> Failed {
        let below: Vec<String> = self.turn.descendants().map(String::from).collect();
        // A prompt whose answer is held back may not have begun yet.
        let coming = Deadline::after(BEGINS_WITHIN);
        let settled = || {
            coming.expired() || self.held.as_ref().is_none_or(|held| held.is_ready(Duration::ZERO))
        };
        let aborted = aborts.then(|| abort(self.server, self.place, &below, closing, &settled));
        let done = match aborted {
            None => "it goes on",
            Some(Ok(true)) => "it was aborted",
            Some(Ok(false)) => "it was aborted, and the server says that it goes on",
            Some(Err(failure)) => {
                self.trouble.get_or_insert_with(|| failure.to_string());
                "it was aborted, and the server does not confirm that it ended"
            }
        };
        let trouble = match &self.trouble {
            Some(trouble) => format!("; {trouble}"),
            None => String::new(),
        };
        let asks: Vec<String> = self.turn.asks.pending().map(answer::shown).collect();
        let waits = match asks.is_empty() {
            true => String::new(),
            false => format!("; it waits for {}", asks.join(", ")),
        };
        Failed { name: why.name, message: format!("{}{trouble}{waits}; {done}", why.message) }
    }

    fn tell(&self, document: &serde_json::Value) {
        tell_hook(self.operation.context, self.terms, document);
    }
}

/// Tells the hook how a turn ended.
pub fn tell_end(context: &Context, terms: &Terms, record: &TurnRecord) {
    if terms.hook.is_set() {
        tell_hook(context, terms, &json!({"event": "turn", "turn": record}));
    }
}

fn tell_hook(context: &Context, terms: &Terms, document: &serde_json::Value) {
    if let Err(message) = terms.hook.run(document) {
        (context.say)(&message);
    }
}

enum Ended {
    Turn(End),
    Refused(Failure),
    Limit(Failed),
    Blocked(Failed),
    Signal(Code),
    Server(Failed),
}

fn named(name: &str, message: &str) -> Failed {
    Failed { name: name.into(), message: message.into() }
}
