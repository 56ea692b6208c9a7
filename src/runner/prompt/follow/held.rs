//! The server's own answer to the prompt, which it gives when the turn is over.

use std::slice;
use std::time::{Duration, Instant};

use super::{Ended, Follower, Watcher};
use crate::client::Cause;
use crate::client::wire::{Message, Part};
use crate::runner::turn::Snapshot;

/// How long the answer may take to arrive after events have told of its end: they are quicker at times, and
/// any other question costs more.
const BEHIND_EVENTS: Duration = Duration::from_millis(20);

impl Follower<'_> {
    /// Takes the answer if it has come. It is REST's word on the last step, and comes before the server
    /// tidies up after the turn, during which any other question waits.
    pub(super) fn held_answer(&mut self, watcher: &mut dyn Watcher) -> Option<Ended> {
        let awaited = self.only_answer && self.turn.is_ending();
        let within = if awaited { BEHIND_EVENTS } else { Duration::ZERO };
        let held = self.held.take_if(|held| held.is_ready(within))?;
        match held.answer(self.request_limit) {
            Ok(message) => self.last_message(message, watcher),
            Err(failure) => {
                let refused = match failure.cause {
                    Cause::Alien(_) | Cause::Unauthorized => true,
                    Cause::Status(status, _) => status < 500,
                    _ => false,
                };
                if refused && !self.answered() {
                    return Some(Ended::Refused(failure));
                }
                // The turn may go on all the same; if it never begins, this is why.
                self.turn.note_refusal(&failure.to_string());
                None
            }
        }
    }

    /// Whether the server has begun with an answer: then it has taken the prompt, whatever it says now.
    fn answered(&mut self) -> bool {
        let known = self.turn.steps().next().is_some();
        known
            || self.messages().is_ok_and(|all| all.iter().any(|one| self.turn.includes(&one.info)))
    }

    fn last_message(&mut self, message: Message, watcher: &mut dyn Watcher) -> Option<Ended> {
        // Of several prompts that wait each may get the answer to the newest.
        if !self.turn.includes(&message.info) {
            self.turn.note_gap();
            return None;
        }
        self.turn.expect_end();
        let messages = slice::from_ref(&message);
        let snapshot = Snapshot { messages, activities: None, at: Instant::now() };
        self.turn.learn(messages);
        let answers = |part: &Part| part.is_text() && !part.text.trim().is_empty();
        let says_something = message.parts.iter().any(answers);
        let alone = self.turn.descendants().next().is_none();
        if !(self.only_answer && says_something && alone && self.turn.has_finished(&snapshot)) {
            return None;
        }
        let end = self.turn.apply_snapshot(&snapshot, &mut |text| watcher.text(text));
        self.whole = Some(vec![message]);
        end.map(Ended::Turn)
    }
}
