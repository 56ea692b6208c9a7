//! Follows one turn to its end: events for speed, REST for truth, limits for everything.

mod answer;
mod closing;
mod held;
mod look;
mod money;
mod surroundings;

pub use closing::{Followed, tell_end};

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::limits::Budget;
use super::options::Terms;
use super::watcher::{Watcher, take_heard};
use crate::client::wire::Message;
use crate::client::{Cause, Failure, Held};
use crate::error::{Code, Result};
use crate::runner::conversation::find::Place;
use crate::runner::session::operation::Operation;
use crate::runner::session::pace::{FIRST_WITH_STREAM, FIRST_WITHOUT_STREAM, Outlook, Pace};
use crate::runner::session::prices::Prices;
use crate::runner::session::server::Server;
use crate::runner::session::stream::Stream;
use crate::runner::session::timeouts::LOOK_FIRST;
use crate::runner::turn::record::Failed;
use crate::runner::turn::{End, Turn};

/// How long sub-agents may go on after the turn itself is over.
const TREE_SETTLES: Duration = Duration::from_secs(10);

/// What is known of a turn while it is followed.
pub struct Follower<'a> {
    operation: &'a Operation<'a>,
    server: &'a Server,
    place: &'a Place,
    turn: Turn,
    stream: Stream,
    /// The request with the prompt, while the server holds its answer back.
    held: Option<Held>,
    /// Whether nothing but the end and the answer is wanted.
    only_answer: bool,
    budget: Budget,
    prices: Prices<'a>,
    /// The flags of limits that turned out not to work.
    limits_unenforceable: Vec<&'static str>,
    terms: &'a Terms,
    /// The asks of which the hook knows, and of which the user knows if nothing answers them.
    told: HashSet<String>,
    /// Conversations that are known to be outside the turn's tree.
    strangers: HashSet<String>,
    /// Grows when REST shows something new.
    snapshots: u64,
    /// Of the newest snapshot.
    fingerprint: u64,
    /// How long one request may take.
    request_limit: Duration,
    /// Why REST could not be asked the last time.
    trouble: Option<String>,
    /// The turn's own end, while sub-agents go on.
    own_end: Option<OwnEnd>,
    /// All messages of the turn, if the look that saw its end had them.
    whole: Option<Vec<Message>>,
    started: jiff::Timestamp,
    began: Instant,
}

/// The end of a turn whose sub-agents may still go on.
struct OwnEnd {
    end: End,
    since: Instant,
}

/// Why a turn is no longer followed.
enum StopReason {
    /// It is over.
    Over(End),
    /// The server did not take the prompt.
    Refused(Failure),
    /// It reached a limit.
    Limit(Failed),
    /// The provider's stream was cut again and again.
    Cut(Failed),
    /// It needs an answer that the policy does not give.
    Blocked(Failed),
    /// A signal arrived.
    Signal(Code),
    /// The server has ended, or no longer lets us in.
    Server(Failed),
}

impl<'a> Follower<'a> {
    /// Prepares to follow; opens the event stream, so that nothing of the turn is missed.
    pub fn prepare(
        operation: &'a Operation<'a>,
        place: &'a Place,
        turn_id: &str,
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
            turn: Turn::new(&place.id, turn_id, began),
            stream: Stream::open(&operation.server.client, &place.directory, false),
            held: None,
            only_answer: false,
            budget: Budget::new(terms.limits.clone(), operation.deadline),
            prices: Prices::new(&operation.server, &place.directory),
            limits_unenforceable: Vec::new(),
            terms,
            told: HashSet::new(),
            strangers: HashSet::new(),
            snapshots: 0,
            fingerprint: 0,
            request_limit: LOOK_FIRST,
            trouble: None,
            own_end: None,
            whole: None,
            started: jiff::Timestamp::now(),
            began,
        }
    }

    /// For a turn that began earlier: the events until now have been missed.
    pub fn joined(mut self) -> Follower<'a> {
        self.turn.note_gap();
        self
    }

    /// For a prompt that the server answers itself when the turn is over.
    pub fn holding(mut self, held: Held, only_answer: bool) -> Follower<'a> {
        self.turn.note_preparation(held.is_of_command());
        self.held = Some(held);
        self.only_answer = only_answer;
        self
    }

    /// Follows to the end. The hook is not told of the end yet.
    pub fn follow(mut self, watcher: &mut dyn Watcher) -> Result<Followed> {
        watcher.give_up_at(self.budget.deadline(), &self.operation.signals);
        let reason = self.wait_for_end(watcher);
        self.close(reason, watcher)
    }

    /// Waits until there is a reason to stop.
    fn wait_for_end(&mut self, watcher: &mut dyn Watcher) -> StopReason {
        let mut pace = Pace::new(Instant::now(), self.first_look());
        let mut progress = 0;
        let mut is_first = true;
        loop {
            if let Some(code) = self.operation.signals.received() {
                return StopReason::Signal(code);
            }
            if let Some(why) = self.budget.check(&self.turn, self.snapshots) {
                return StopReason::Limit(why);
            }
            if let Some(why) = self.budget.too_many_cuts(&self.turn) {
                return StopReason::Cut(why);
            }
            self.tell_news(watcher);
            watcher.turn_goes_on(self.turn.spent());
            if let Some(reason) = self.answer_asks() {
                return reason;
            }
            let wanted = self.turn.wants_look();
            self.listen(pace.next_look(), watcher);
            if let Some(reason) = self.take_held_answer(watcher) {
                return reason;
            }
            let newly_wanted = self.turn.wants_look() && !wanted;
            if !newly_wanted && !pace.is_due(Instant::now()) {
                continue;
            }
            if std::mem::take(&mut is_first) && !newly_wanted && self.is_preparing() {
                pace.put_off(Instant::now());
                continue;
            }
            match self.look(watcher) {
                Ok(Some(end)) => return StopReason::Over(end),
                Ok(None) => self.check_prices(),
                Err(failure) => {
                    if let Some(reason) = self.reason_to_stop(&failure) {
                        return reason;
                    }
                }
            }
            let moved = self.turn.progress() != progress;
            progress = self.turn.progress();
            pace.plan(Instant::now(), self.outlook(moved));
        }
    }

    /// Tells the watcher what has happened since the last time.
    fn tell_news(&mut self, watcher: &mut dyn Watcher) {
        while let Some(news) = self.turn.news.next() {
            watcher.news(&news);
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

    /// Whether events say that the server has taken the prompt, and none that it answers. On a
    /// server that has just started this takes more than a second. To be asked meanwhile holds the
    /// answer up, and there is nothing to learn yet.
    fn is_preparing(&self) -> bool {
        let has_begun = self.turn.steps().next().is_some();
        // A sub-agent may do what a command says, and only a look tells that.
        let is_plain = !self.turn.is_prepared();
        is_plain && !has_begun && self.outlook(self.turn.progress() > 0) == Outlook::Moving
    }

    /// What is known after a look, for the moment of the next one. `moved` says whether events have
    /// come since the last look.
    fn outlook(&self, moved: bool) -> Outlook {
        if self.turn.wants_look() || self.turn.is_ending() || self.own_end.is_some() {
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
        self.stream.receive(client, until, self.budget.deadline(), &mut |heard| {
            take_heard(&heard, turn, watcher);
        });
    }

    /// Takes the turn's own end, and holds it back while sub-agents are busy: a turn is over when
    /// its whole tree is. Sub-agents that never settle do not hold it back for ever.
    fn settle_tree(&mut self, end: Option<End>, tree_busy: bool) -> Option<End> {
        if let Some(end) = end {
            self.own_end.get_or_insert_with(|| OwnEnd { end, since: Instant::now() });
        }
        let own_end = self.own_end.as_ref()?;
        if tree_busy && own_end.since.elapsed() < TREE_SETTLES {
            return None;
        }
        self.own_end.take().map(|own_end| own_end.end)
    }

    /// Whether a failed request means that there is nothing left to wait for.
    fn reason_to_stop(&self, failure: &Failure) -> Option<StopReason> {
        if let Some(error) = self.server.ended_by(failure) {
            return Some(StopReason::Server(Failed::new("ServerEnded", error.into_message())));
        }
        match failure.cause {
            Cause::Unauthorized => {
                let why = Failed::new("Unauthorized", failure.to_string());
                Some(StopReason::Server(why))
            }
            // Other routes may be missing in some version.
            Cause::Status(404, _)
                if failure.request == format!("GET /session/{}/message", self.place.id) =>
            {
                let message = format!("conversation {} is gone", self.place.id);
                let why = Failed::new("ConversationGone", message);
                Some(StopReason::Over(End::Failed(why)))
            }
            _ => None,
        }
    }
}
