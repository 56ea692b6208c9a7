//! Whether a turn is over, and how it ended: the one place that decides it.

use std::time::Duration;

use super::record::Failed;
use super::{Snapshot, Turn};
use crate::client::wire::{Info, Message, TurnError};
use crate::units::START_WINDOW;

/// How long an unfinished turn must read idle before it counts as over: the server is idle for a
/// moment between two steps, and says idle before it stores an error.
const IDLE_PROOF: Duration = Duration::from_millis(700);

/// The same where nothing but the idleness speaks for an end: an answer that is not finished, or a
/// prompt without one in a conversation that was busy with the turn before it.
const LONG_IDLE_PROOF: Duration = Duration::from_secs(3);

/// What the server calls an abort.
const ABORTED: &str = "MessageAbortedError";

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The model finished.
    Finished,
    /// An error of the provider or the server ended it.
    Failed(Failed),
    /// A client of the server aborted it.
    Aborted,
    /// Nothing follows a step that wanted more: its tools were denied.
    Denied,
}

impl End {
    /// The error that ended it.
    pub fn failure(self) -> Option<Failed> {
        match self {
            End::Failed(why) => Some(why),
            _ => None,
        }
    }
}

impl Turn {
    /// Notes that the server answered the prompt with an error of its own, which does not prove
    /// that the turn fails.
    pub fn note_refusal(&mut self, why: &str) {
        self.refused = Some(why.into());
        self.wants_look = true;
    }

    /// How the turn ended, if it is over. `steps` are the turn's own answers among the messages,
    /// oldest first; `idle` is how long the conversation has read idle.
    pub(super) fn judge(
        &self,
        steps: &[&Message],
        snapshot: &Snapshot,
        idle: Option<Duration>,
    ) -> Option<End> {
        let newest = snapshot.messages.iter().rev().find(|message| self.includes(&message.info));
        if let Some(summary) = newest.filter(|one| self.prompts.is_summary(&one.info)) {
            let newer = self.taken_over(snapshot).map(superseded);
            return summed_up(&summary.info, idle).or(newer);
        }
        let Some(last) = steps.last().map(|message| &message.info) else {
            return self.not_answered(snapshot, idle);
        };
        if let Some(error) = &last.error {
            return Some(broken(error, Some(last)));
        }
        let completed = last.time.completed.is_some();
        // The tool that takes the answer to a schema ends the turn; its finish is `tool-calls`.
        if completed && last.structured.is_some() {
            return Some(End::Finished);
        }
        if let Some(finish) = last.finish.as_deref().filter(|_| completed && !last.lacks_finish())
            && let Some(end) = by_finish(finish, last)
        {
            return Some(end);
        }
        if let Some(newer) = self.taken_over(snapshot) {
            return Some(superseded(newer));
        }
        let proof = if completed { IDLE_PROOF } else { LONG_IDLE_PROOF };
        idle.filter(|idle| *idle >= proof)?;
        Some(match last.finish.as_deref() {
            Some("tool-calls") if completed => End::Denied,
            // An abort while the provider is being retried leaves neither error nor finish.
            None if completed => End::Aborted,
            _ if completed && last.lacks_finish() => {
                of_model("ProviderCutOff", "the provider broke off its answer", last)
            }
            _ => failed("Interrupted", "the server stopped working on the turn before its end"),
        })
    }

    /// How the turn ended if it has no step at all.
    fn not_answered(&self, snapshot: &Snapshot, idle: Option<Duration>) -> Option<End> {
        if let Some(newer) = self.taken_over(snapshot) {
            return Some(superseded(newer));
        }
        let idle = idle.filter(|idle| *idle >= IDLE_PROOF)?;
        // The error may be an abort: it drops the prompts that wait.
        if let Some(error) = &self.early {
            return Some(broken(error, None));
        }
        if let Some(why) = self.refused.as_ref().filter(|_| idle >= LONG_IDLE_PROOF) {
            return Some(failed("Refused", why));
        }
        if self.is_prepared() {
            return None;
        }
        let waited = snapshot.at.saturating_duration_since(self.accepted);
        let given_up = if self.was_busy { idle >= LONG_IDLE_PROOF } else { waited >= START_WINDOW };
        if !given_up {
            return None;
        }
        Some(failed("NotStarted", "the server took the prompt and never began with it"))
    }

    /// A newer prompt that the server answers, or has answered, instead of this one.
    fn taken_over<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a str> {
        let newer = snapshot.messages.iter().rev().find_map(|message| {
            let parent = message.info.parent.as_deref()?;
            (parent > self.id.as_str() && !self.prompts.has_prompt(parent)).then_some(parent)
        });
        newer.filter(|newer| snapshot.messages.iter().any(|message| message.info.id == *newer))
    }
}

/// The end that a complete step says by its finish; `None` if others may follow it.
fn by_finish(finish: &str, info: &Info) -> Option<End> {
    let (name, message) = match finish {
        "tool-calls" => return None,
        // The server calls these a good end, but the answer is not whole.
        "length" => ("OutputLength", "the answer was cut off at the model's limit"),
        "content-filter" => ("ContentFilter", "the provider filtered the answer"),
        "error" => ("ProviderError", "the provider ended the answer with an error"),
        _ => return Some(End::Finished),
    };
    Some(of_model(name, message, info))
}

/// How the turn ended if its newest message is a summary of the conversation: as a rule the server
/// goes on after it.
fn summed_up(info: &Info, idle: Option<Duration>) -> Option<End> {
    if let Some(error) = &info.error {
        return Some(broken(error, Some(info)));
    }
    idle.filter(|idle| *idle >= LONG_IDLE_PROOF)?;
    Some(failed("Interrupted", "the server compacted the conversation and did not go on"))
}

/// How an error ends a turn. `info` is the answer that ended in it, if there is one.
fn broken(error: &TurnError, info: Option<&Info>) -> End {
    if error.name == ABORTED {
        return End::Aborted;
    }
    let why = Failed::of(error);
    End::Failed(match info {
        Some(info) => why.about(info),
        None => why,
    })
}

fn of_model(name: &str, message: &str, info: &Info) -> End {
    End::Failed(Failed::new(name, message).about(info))
}

fn failed(name: &str, message: &str) -> End {
    End::Failed(Failed::new(name, message))
}

fn superseded(newer: &str) -> End {
    failed("Superseded", &format!("the newer prompt {newer} took over"))
}
