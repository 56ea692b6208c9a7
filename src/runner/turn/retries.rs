//! How often and how long a turn waits for its provider.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::client::wire::{Activity, ActivityKind};

/// The retries of one turn, its sub-agents' included.
#[derive(Debug, Default)]
pub struct Retries {
    count: u64,
    /// The number of the last retry of each conversation: the server counts anew for every step.
    attempts: BTreeMap<String, u64>,
    running: Option<Retry>,
    wait: Duration,
}

/// A wait for the provider that is going on.
#[derive(Debug)]
struct Retry {
    since: Instant,
    /// The provider's reason.
    why: String,
}

impl Retries {
    /// Takes what a conversation is doing: it waits for its provider, or it does not.
    pub(super) fn note_activity(&mut self, conversation: &str, activity: &Activity, now: Instant) {
        if activity.kind != ActivityKind::Retry {
            self.note_end(now);
            return;
        }
        // No server tries that often; a larger number is not one.
        let attempt = activity.attempt.unwrap_or(0.0).clamp(1.0, 1e9) as u64;
        let last = self.attempts.insert(conversation.into(), attempt).unwrap_or(0);
        let new = match attempt.cmp(&last) {
            Ordering::Greater => attempt - last,
            // The same one, reported again by REST or by a late event.
            Ordering::Equal => 0,
            // The server counts anew.
            Ordering::Less => attempt,
        };
        self.count = self.count.saturating_add(new);
        let since = self.running.take().map_or(now, |before| before.since);
        let why = activity.message.clone().unwrap_or_default();
        self.running = Some(Retry { since, why });
    }

    /// Notes that a conversation has begun another step, for which the server counts anew.
    pub(super) fn note_step(&mut self, conversation: &str) {
        self.attempts.remove(conversation);
    }

    /// Counts a wait that still goes on, as the turn is no longer followed.
    pub fn stop(&mut self, now: Instant) {
        self.note_end(now);
    }

    /// Notes that the provider is no longer waited for.
    pub(super) fn note_end(&mut self, now: Instant) {
        if let Some(retry) = self.running.take() {
            self.wait += now.saturating_duration_since(retry.since);
        }
    }

    /// How often the provider was tried again.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How long the provider was waited for, without a wait that still goes on.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// The same with a wait that still goes on.
    pub fn wait_until(&self, now: Instant) -> Duration {
        let running = self.running.as_ref();
        self.wait + running.map_or(Duration::ZERO, |one| now.saturating_duration_since(one.since))
    }

    /// Why the provider is being tried again right now; `None` if it is not.
    pub fn reason(&self) -> Option<&str> {
        self.running.as_ref().map(|retry| retry.why.as_str())
    }
}
