//! How often and how long a turn waits for its provider.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use super::Turn;
use crate::client::wire::Activity;

impl Turn {
    /// Counts how often and how long a provider is waited for, the sub-agents' included.
    pub(super) fn retry(&mut self, conversation: &str, activity: &Activity, now: Instant) {
        if activity.kind == "retry" {
            let attempt = activity.attempt.unwrap_or(0.0).max(1.0) as u64;
            let last = self.attempts.insert(conversation.into(), attempt).unwrap_or(0);
            self.retries += match attempt.cmp(&last) {
                Ordering::Greater => attempt - last,
                // The same one, told again by REST or by a late event.
                Ordering::Equal => 0,
                Ordering::Less => attempt,
            };
            let why = activity.message.clone().unwrap_or_default();
            let since = self.retrying.take().map_or(now, |(since, _)| since);
            self.retrying = Some((since, why));
        } else if let Some((since, _)) = self.retrying.take() {
            self.retry_wait += now.saturating_duration_since(since);
        }
    }

    /// Why the provider is being tried again right now.
    pub fn retrying(&self) -> Option<&str> {
        self.retrying.as_ref().map(|(_, why)| why.as_str())
    }

    /// How often the provider was tried again, and how long that took.
    pub fn retries(&self) -> (u64, Duration) {
        (self.retries, self.retry_wait)
    }
}
