//! Closes a turn that is no longer followed: aborts it if need be, and makes its record.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::answer::shown;
use super::{Follower, StopReason};
use crate::client::wire::Message;
use crate::error::{Code, Result};
use crate::runner::context::Context;
use crate::runner::conversation::messages::messages_since;
use crate::runner::conversation::work::{BEGINS_WITHIN, reject_asks};
use crate::runner::prompt::abort::abort;
use crate::runner::prompt::options::Terms;
use crate::runner::prompt::report::{Conclusion, Facts, record};
use crate::runner::prompt::watcher::Watcher;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::turn::End;
use crate::runner::turn::record::{Failed, Outcome, TurnRecord};
use crate::units::{Backoff, CLOSING, Deadline, POLL_FIRST, TICK, pause};

/// All questions after the end of a turn, for its record, while there is time left for them.
const AFTERCARE: Duration = Duration::from_secs(10);

/// The same where the server did not answer before either.
const SHORT_AFTERCARE: Duration = Duration::from_secs(1);

/// A turn that was followed to its end.
pub struct Followed {
    /// What happened.
    pub record: TurnRecord,
    /// The id of its last step.
    pub last: Option<String>,
}

/// The messages of a turn that is over.
struct WholeTurn {
    /// Its own, oldest first.
    messages: Vec<Message>,
    /// Until when the server may be asked for more.
    deadline: Deadline,
}

impl Follower<'_> {
    /// Ends the following for a reason, and makes the record.
    pub(super) fn close(
        mut self,
        reason: StopReason,
        watcher: &mut dyn Watcher,
    ) -> Result<Followed> {
        let limit = match reason {
            StopReason::Limit(_)
            | StopReason::Cut(_)
            | StopReason::Blocked(_)
            | StopReason::Signal(_) => CLOSING,
            _ => self.budget.deadline().remaining(AFTERCARE).max(CLOSING),
        };
        let closing = Deadline::after(limit);
        self.server.client.limit_to(closing, None);
        let limited = matches!(reason, StopReason::Limit(_));
        // Before the abort, which ends every wait.
        let retrying = self.turn.retries.reason().filter(|_| limited).map(String::from);
        let trouble = self.trouble.clone().filter(|_| limited);
        self.turn.retries.stop(Instant::now());
        let conclusion = self.conclude(reason, closing)?;
        if conclusion.outcome == Outcome::Ok {
            // What it asked for was answered, even if no event said so.
            self.turn.asks.keep_pending(&BTreeSet::new());
        }
        let total = self.began.elapsed();
        let whole = self.whole_turn(closing);
        self.turn.settle(&whole.messages, Instant::now(), &mut |text| watcher.text(text));
        self.check_prices();
        let facts = Facts {
            conclusion,
            messages: whole.messages,
            started: self.started,
            began: self.began,
            total,
            deadline: whole.deadline,
            limits_unenforceable: std::mem::take(&mut self.limits_unenforceable),
        };
        let mut record = record(self.server, self.place, &mut self.turn, &self.prices, facts);
        (record.retrying, record.trouble) = (retrying, trouble);
        let last = self.turn.steps().next_back().map(|info| info.id.clone());
        Ok(Followed { record, last })
    }

    /// What the reason means for the turn, which is aborted where that is due. An error if the
    /// server did not take the prompt.
    fn conclude(&mut self, reason: StopReason, closing: Deadline) -> Result<Conclusion> {
        let conclusion = |code, error| Conclusion { outcome: Outcome::Not(code), error };
        Ok(match reason {
            StopReason::Refused(failure) => return Err(failure.into()),
            StopReason::Over(End::Finished) => Conclusion { outcome: Outcome::Ok, error: None },
            StopReason::Over(End::Aborted) => conclusion(Code::Aborted, None),
            StopReason::Over(End::Denied) => conclusion(Code::Blocked, None),
            StopReason::Over(End::Failed(why)) => conclusion(Code::TurnFailed, Some(why)),
            StopReason::Server(why) => conclusion(Code::Unreachable, Some(why)),
            StopReason::Limit(why) => {
                // An answer would have let the turn go on, so its lack is the reason, and the limit
                // is not.
                let waits = self.turn.asks.pending().next().is_some();
                let code = if waits { Code::Blocked } else { Code::Timeout };
                let aborts = self.budget.aborts();
                conclusion(code, Some(self.give_up(why, aborts, closing)))
            }
            StopReason::Cut(why) => {
                conclusion(Code::TurnFailed, Some(self.give_up(why, true, closing)))
            }
            StopReason::Blocked(why) => {
                conclusion(Code::Blocked, Some(self.give_up(why, true, closing)))
            }
            StopReason::Signal(code) => {
                let why = Failed::new("Interrupted", "a signal arrived");
                conclusion(code, Some(self.give_up(why, true, closing)))
            }
        })
    }

    /// Ends the turn for a reason, and adds to it what came of that.
    fn give_up(&mut self, why: Failed, aborts: bool, closing: Deadline) -> Failed {
        let done = if aborts { self.abort(closing) } else { "it goes on" };
        let mut message = why.message.clone();
        if let Some(trouble) = &self.trouble {
            message = format!("{message}; {trouble}");
        }
        let asks: Vec<String> = self.turn.asks.pending().map(shown).collect();
        if !asks.is_empty() {
            message = format!("{message}; it waits for {}", asks.join(", "));
        }
        Failed { message: format!("{message}; {done}"), ..why }
    }

    /// Aborts the turn; says what came of it.
    fn abort(&mut self, closing: Deadline) -> &'static str {
        let below: Vec<String> = self.turn.descendants().map(String::from).collect();
        // A prompt whose answer is held back may not have begun yet.
        let coming = Deadline::after(BEGINS_WITHIN);
        let settled = || {
            coming.expired() || self.held.as_ref().is_none_or(|held| held.is_ready(Duration::ZERO))
        };
        match abort(self.server, self.place, &below, closing, &settled) {
            Ok(true) => {
                self.reject_asks(&below);
                "it was aborted"
            }
            Ok(false) => "it was aborted, and the server says that it goes on",
            Err(failure) => {
                self.trouble.get_or_insert_with(|| failure.to_string());
                "it was aborted, and the server does not confirm that it ended"
            }
        }
    }

    /// Rejects what the aborted turn asked for: the server would list it until it gets a reply.
    fn reject_asks(&self, below: &[String]) {
        let mut members: Vec<&str> = below.iter().map(String::as_str).collect();
        members.push(&self.place.id);
        let known: Vec<String> = self.turn.asks.all().map(|ask| ask.id.clone()).collect();
        if !known.is_empty() {
            reject_asks(self.server, self.place, &members, &known);
        }
    }

    /// All messages of the turn. From a server that no longer answers there is only what the turn
    /// knows of its steps, and no time for further questions.
    fn whole_turn(&mut self, closing: Deadline) -> WholeTurn {
        let silent = self.trouble.is_some();
        let deadline = if silent { closing.or_after(SHORT_AFTERCARE) } else { closing };
        let mut pauses = Backoff::new(POLL_FIRST, TICK);
        let mut known = self.whole.take();
        loop {
            let limit = deadline.remaining(LOOK_LIMIT);
            let read = || messages_since(self.server, self.place, self.turn.id(), None, limit);
            match known.take().map_or_else(read, Ok) {
                Ok(mut messages) => {
                    self.turn.learn(&messages);
                    messages.retain(|one| self.turn.includes(&one.info));
                    return WholeTurn { messages, deadline };
                }
                Err(failure)
                    if !deadline.expired() && failure.is_passing() && self.server.lives() =>
                {
                    pause(deadline.remaining(pauses.next()));
                }
                Err(_) => break,
            }
        }
        let steps = self.turn.steps().cloned();
        let messages = steps.map(|info| Message { info, parts: Vec::new() }).collect();
        WholeTurn { messages, deadline: Deadline::after(Duration::ZERO) }
    }

    /// Tells the hook something.
    pub(super) fn tell(&self, document: &Value) {
        tell_hook(self.operation.context, self.terms, document);
    }
}

/// Tells the hook how a turn ended.
pub fn tell_end(context: &Context, terms: &Terms, record: &TurnRecord) {
    if terms.hook.is_set() {
        tell_hook(context, terms, &json!({"event": "turn", "turn": record}));
    }
}

fn tell_hook(context: &Context, terms: &Terms, document: &Value) {
    if let Err(message) = terms.hook.run(document) {
        (context.say)(&message);
    }
}
