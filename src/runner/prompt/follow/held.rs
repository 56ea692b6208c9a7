//! The server's own answer to the prompt, which it gives when the turn is over.

use std::slice;
use std::time::{Duration, Instant};

use super::{Follower, StopReason};
use crate::client::Cause;
use crate::client::wire::{Message, Part};
use crate::runner::prompt::watcher::Watcher;
use crate::runner::turn::Snapshot;

/// How long the answer may take to arrive after events have told of its end. They are sometimes
/// quicker, and any other question costs more than this.
const BEHIND_EVENTS: Duration = Duration::from_millis(20);

impl Follower<'_> {
    /// Takes the answer if it has come. It is REST's word on the last step. It comes before the
    /// server tidies up after the turn, and any other question would wait until that is done.
    pub(super) fn take_held_answer(&mut self, watcher: &mut dyn Watcher) -> Option<StopReason> {
        let awaited = self.only_answer && self.turn.is_ending();
        let within = if awaited { BEHIND_EVENTS } else { Duration::ZERO };
        let held = self.held.take_if(|held| held.is_ready(within))?;
        self.turn.note_preparation(false);
        let failure = match held.answer(self.request_limit) {
            Ok(message) => return self.take_last_message(message, watcher),
            Err(failure) => failure,
        };
        let refused = match failure.cause {
            Cause::Alien(_) | Cause::Unauthorized => true,
            Cause::Status(status, _) => status < 500,
            _ => false,
        };
        if refused && !self.find_steps() {
            return Some(StopReason::Refused(failure));
        }
        // The turn may go on all the same; if it never begins, this is why.
        self.turn.note_refusal(&failure.to_string());
        None
    }

    /// Looks whether the server has begun with an answer. If so it has taken the prompt, whatever
    /// it says now.
    fn find_steps(&mut self) -> bool {
        if self.turn.steps().next().is_some() {
            return true;
        }
        let messages = self.newest_messages().unwrap_or_default();
        messages.iter().any(|message| self.turn.includes(&message.info))
    }

    fn take_last_message(
        &mut self,
        message: Message,
        watcher: &mut dyn Watcher,
    ) -> Option<StopReason> {
        // If several prompts wait, each of them may get the answer to the newest.
        if !self.turn.includes(&message.info) {
            self.turn.note_gap();
            return None;
        }
        self.turn.expect_end();
        let messages = slice::from_ref(&message);
        let snapshot = Snapshot { messages, activities: None, at: Instant::now() };
        let speaks = |part: &Part| part.is_text() && !part.text.trim().is_empty();
        let alone = self.turn.descendants().next().is_none();
        self.turn.learn(messages);
        let is_all = self.only_answer
            && alone
            && message.parts.iter().any(speaks)
            && self.turn.has_finished(&snapshot);
        if !is_all {
            return None;
        }
        let end = self.turn.apply_snapshot(&snapshot, &mut |text| watcher.text(text));
        self.whole = Some(vec![message]);
        end.map(StopReason::Over)
    }
}
