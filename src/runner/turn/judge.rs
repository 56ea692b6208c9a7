//! When a turn is over, and how it ended: the one place that decides it.

use std::time::Duration;

use super::{Look, Turn};
use crate::client::wire::Message;
use crate::runner::outcome::Failed;

/// How long a prompt may stay without any sign of life. A cold directory needs 1.5 s.
const START_WINDOW: Duration = Duration::from_secs(15);
/// For how long an unfinished turn must read idle before we believe that it is over: the server is
/// idle for a moment between two steps, and says idle before it stores an error.
const IDLE_PROOF: Duration = Duration::from_millis(700);

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The model finished.
    Finished,
    /// With an error of the provider or the server.
    Failed(Failed),
    /// Somebody aborted it.
    Aborted,
    /// Nothing follows a step that wanted more: its tools were denied.
    Denied,
}

impl Turn {
    /// `ours` are the turn's own messages; `idle` is for how long the conversation has read idle.
    pub(super) fn judge(
        &self,
        ours: &[&Message],
        look: &Look,
        idle: Option<Duration>,
    ) -> Option<End> {
        let proven_idle = idle.is_some_and(|idle| idle >= IDLE_PROOF);
        let Some(last) = ours.last().map(|message| &message.info) else {
            return self.not_answered(look, idle.is_some(), proven_idle);
        };
        if let Some(error) = &last.error {
            return Some(match error.name.as_str() {
                "MessageAbortedError" => End::Aborted,
                name => failed(name, error.text()),
            });
        }
        let completed = last.time.completed.is_some();
        match last.finish.as_deref() {
            Some("tool-calls" | "unknown") | None => {}
            Some(_) if completed => return Some(End::Finished),
            Some(_) => {}
        }
        if let Some(newer) = self.taken_over(look) {
            return Some(superseded(newer));
        }
        if !proven_idle {
            return None;
        }
        Some(match last.finish.as_deref() {
            Some("tool-calls") if completed => End::Denied,
            // An abort while the provider is being retried leaves neither error nor finish.
            None if completed => End::Aborted,
            Some("unknown") => failed("ProviderCutOff", "the provider broke off its answer"),
            _ => failed("Interrupted", "the server stopped working on it before it was finished"),
        })
    }

    /// The turn has no assistant message.
    fn not_answered(&self, look: &Look, idle: bool, proven_idle: bool) -> Option<End> {
        if let Some(newer) = self.taken_over(look) {
            return Some(superseded(newer));
        }
        if !idle {
            return None;
        }
        if let (Some(error), true) = (&self.early, proven_idle) {
            return Some(failed(&error.name, error.text()));
        }
        let waited = look.at.saturating_duration_since(self.accepted);
        if waited < START_WINDOW && !(self.was_busy && proven_idle) {
            return None;
        }
        Some(failed("NotStarted", "the server took the prompt and never began with it"))
    }

    /// A newer prompt that the server answers, or has answered, instead of this one.
    fn taken_over<'a>(&self, look: &'a Look) -> Option<&'a str> {
        let newer = look.messages.iter().rev().find_map(|message| {
            let parent = message.info.parent.as_deref()?;
            (parent > self.id.as_str()).then_some(parent)
        });
        newer.filter(|newer| look.messages.iter().any(|message| message.info.id == *newer))
    }
}

fn failed(name: &str, message: &str) -> End {
    End::Failed(Failed { name: name.into(), message: message.into() })
}

fn superseded(newer: &str) -> End {
    failed("Superseded", &format!("the newer prompt {newer} took over"))
}
