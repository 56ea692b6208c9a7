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
use crate::runner::conversation::running::running_tool;
use crate::runner::conversation::work::{BEGINS_WITHIN, reject_asks};
use crate::runner::prompt::abort::abort;
use crate::runner::prompt::options::Terms;
use crate::runner::prompt::report::{Conclusion, Facts, record};
use crate::runner::prompt::watcher::Watcher;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::turn::record::{Failed, Outcome, TurnRecord};
use crate::runner::turn::{End, Turn};
use crate::units::{Backoff, CLOSING, Deadline, POLL_FIRST, TICK, pause};

/// All questions after the end of a turn, for its record, while there is time left for them.
const AFTERCARE: Duration = Duration::from_secs(10);

/// The same where the server did not answer before either.
const SHORT_AFTERCARE: Duration = Duration::from_secs(1);

/// How long an event may come after the end of the turn that tells how an ask was answered. REST
/// tells of the end and not of that, and is the quicker one on a machine that is busy.
const ANSWERS_COME_WITHIN: Duration = Duration::from_secs(1);

/// A turn that was followed to its end.
pub struct Followed {
    /// What happened.
    pub record: TurnRecord,
    /// The id of its last step.
    pub last: Option<String>,
    /// When it was given up, if it was: a limit, a signal, or an answer that it did not get.
    pub given_up: Option<Instant>,
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
        let gives_up = matches!(
            reason,
            StopReason::Limit(_)
                | StopReason::Cut(_)
                | StopReason::Blocked(_)
                | StopReason::Signal(_)
        );
        let given_up = gives_up.then(Instant::now);
        let limit = if gives_up {
            CLOSING
        } else {
            self.budget.deadline().remaining(AFTERCARE).max(CLOSING)
        };
        let closing = Deadline::after(limit);
        // A signal that comes only now cuts the care short.
        let flag = (!gives_up).then(|| self.operation.signals.flag());
        self.server.client.limit_to(closing, flag);
        let limited = matches!(reason, StopReason::Limit(_));
        // Before the abort, which ends every wait.
        let retrying = self.turn.retries.reason().filter(|_| limited).map(String::from);
        let trouble = self.trouble.clone().filter(|_| limited);
        self.turn.retries.stop(Instant::now());
        let mut conclusion = self.conclude(reason, closing)?;
        self.name_proxies(&mut conclusion, retrying.is_some());
        let total = self.began.elapsed();
        if conclusion.outcome == Outcome::Ok {
            self.hear_answers(watcher);
            // What it asked for was answered, even if no event said so.
            self.turn.asks.keep_pending(&BTreeSet::new());
        }
        let whole = self.whole_turn(closing);
        self.turn.settle(&whole.messages, Instant::now(), &mut |text| watcher.text(text));
        self.tell_news(watcher);
        self.check_prices();
        if self.only_answer {
            self.prices.ask_no_more();
        }
        let facts = Facts {
            conclusion,
            messages: whole.messages,
            started: self.started,
            began: self.began,
            total,
            mcp_failed: self.failed_mcp_servers(total, whole.deadline),
            deadline: whole.deadline,
            limits_unenforceable: std::mem::take(&mut self.limits_unenforceable),
        };
        let mut record = record(self.server, self.place, &mut self.turn, &self.prices, facts);
        record.step_limit_of_agent = self.step_limit(&record);
        (record.retrying, record.trouble) = (retrying, trouble);
        let last = self.turn.steps().next_back().map(|info| info.id.clone());
        Ok(Followed { record, last, given_up })
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
                let why = Failed::new("Interrupted", code.interrupted());
                conclusion(code, Some(self.give_up(why, true, closing)))
            }
        })
    }

    /// Takes the events that are still on their way, until it is known how each ask was answered.
    fn hear_answers(&mut self, watcher: &mut dyn Watcher) {
        let until = Instant::now() + ANSWERS_COME_WITHIN;
        let is_vague = |turn: &Turn| turn.asks.all().any(|ask| ask.decision.is_vague());
        while is_vague(&self.turn) && self.stream.is_open() && Instant::now() < until {
            self.listen(until, watcher);
        }
    }

    /// Ends the turn for a reason, and adds to it what came of that.
    fn give_up(&mut self, why: Failed, aborts: bool, closing: Deadline) -> Failed {
        // The abort ends the tool calls.
        let tool = self.held_by(&why);
        let done = if aborts { self.abort(closing) } else { "the turn goes on" };
        let mut message = why.message.clone();
        if let Some(tool) = tool {
            message = format!("{message}; the turn waits for {tool}");
        }
        if let Some(trouble) = &self.trouble {
            message = format!("{message}; {trouble}");
        }
        let asks: Vec<String> = self.turn.asks.pending().map(shown).collect();
        if !asks.is_empty() {
            message = format!("{message}; the turn waits for {}", asks.join(", "));
        }
        Failed { message: format!("{message}; {done}"), ..why }
    }

    /// The tool call that a turn waits for whose time is over; it may be of the turn before it.
    fn held_by(&self, why: &Failed) -> Option<String> {
        let is_late = matches!(why.name.as_str(), "Timeout" | "StallTimeout");
        let waits_for_answer = self.turn.asks.pending().next().is_some();
        (is_late && !waits_for_answer)
            .then(|| running_tool(self.server, self.place, self.turn.id()))?
    }

    /// Aborts the turn; says what came of it.
    fn abort(&mut self, closing: Deadline) -> &'static str {
        let below: Vec<String> = self.turn.descendants().map(String::from).collect();
        // A prompt whose answer is held back may not have begun yet.
        let coming = Deadline::after(BEGINS_WITHIN);
        let is_prepared = self.turn.is_prepared();
        let settled = || {
            coming.expired() && !is_prepared
                || self.held.as_ref().is_none_or(|held| held.is_ready(Duration::ZERO))
        };
        match abort(self.server, self.place, &below, closing, &settled) {
            Ok(true) => {
                self.reject_asks(&below);
                "the turn was aborted"
            }
            Ok(false) => "the turn was aborted, and the server says that it goes on",
            Err(failure) => {
                self.trouble.get_or_insert_with(|| failure.to_string());
                "the turn was aborted, and the server does not confirm that it ended"
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

    /// The agent's own limit of steps, if a turn that ended well reached it. Nothing else shows
    /// that the model was told to end. Most turns have one step, and are not asked about.
    fn step_limit(&self, record: &TurnRecord) -> Option<u64> {
        let own = self.turn.steps().count() as u64;
        if self.only_answer || own < 2 || record.outcome != Outcome::Ok {
            return None;
        }
        let agents = self.server.client.agents(&self.place.directory).ok()?;
        let agent = agents.into_iter().find(|agent| Some(&agent.name) == record.agent.as_ref())?;
        let limit = agent.steps? as u64;
        (limit <= own).then_some(limit)
    }

    /// All messages of the turn. From a server that no longer answers there is only what the turn
    /// knows of its steps, and no time for further questions.
    fn whole_turn(&mut self, closing: Deadline) -> WholeTurn {
        let silent = self.trouble.is_some();
        let mut deadline = if silent { closing.or_after(SHORT_AFTERCARE) } else { closing };
        let mut pauses = Backoff::new(POLL_FIRST, TICK);
        let mut known = self.whole.take();
        loop {
            let limit = deadline.remaining(LOOK_LIMIT);
            let read =
                || messages_since(self.server, self.place, self.turn.id(), None, limit.into());
            match known.take().map_or_else(read, Ok) {
                Ok(mut messages) => {
                    self.turn.learn(&messages);
                    messages.retain(|one| self.turn.includes(&one.info));
                    return WholeTurn { messages, deadline };
                }
                // A signal ended the request, which a healthy server answers at once.
                Err(_) if self.server.client.is_interrupted() => {
                    deadline = deadline.or_after(SHORT_AFTERCARE);
                    self.server.client.limit_to(deadline, None);
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
