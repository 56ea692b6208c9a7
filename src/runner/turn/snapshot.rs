//! What REST says of a turn.

use std::time::{Duration, Instant};

use super::{End, Timed, Turn};
use crate::client::wire::{Activities, Info, Message};

/// What REST says at one moment.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// The messages from the prompt on, oldest first; without the prompt if the server lacks it.
    pub messages: &'a [Message],
    /// What the conversations of the directory are doing; `None` if the server did not say.
    pub activities: Option<&'a Activities>,
    /// When the server was asked.
    pub at: Instant,
}

/// How far a turn is by its messages in REST. A change shows that the turn goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) steps: usize,
    /// Parts of the last step.
    parts: usize,
    /// Whether the last step is complete.
    completed: bool,
}

impl Turn {
    /// Whether the messages alone say that the model has finished, whatever the conversation is
    /// doing. They must have been learned from before.
    pub fn has_finished(&self, snapshot: &Snapshot) -> bool {
        let steps = self.prompts.steps_among(snapshot.messages);
        self.judge(&steps, snapshot, None) == Some(End::Finished)
    }

    /// Takes what REST says; `Some` if the turn is over.
    pub fn apply_snapshot(
        &mut self,
        snapshot: &Snapshot,
        show: &mut dyn FnMut(&str),
    ) -> Option<End> {
        self.wants_look = false;
        self.prompts.learn(snapshot.messages);
        for message in snapshot.messages {
            self.add_message(&message.info);
        }
        let steps = self.prompts.steps_among(snapshot.messages);
        for part in steps.iter().flat_map(|message| &message.parts) {
            self.working.note(part);
            self.news.note_part(None, part);
            self.descendants.extend(part.state.metadata.conversation.clone());
        }
        let mut timed = Timed { first: &mut self.first_text, now: snapshot.at, show };
        self.text.settle(steps.iter().copied(), false, &mut timed.show());
        let stage = Stage::of(&steps);
        let changed = self.stage != stage;
        self.stage = stage;
        let idle = self.note_idleness(snapshot, changed);
        let end = self.judge(&steps, snapshot, idle);
        self.wants_look |= end.is_none() && idle.is_some();
        end
    }

    /// For how long the conversation has read idle; `None` if it does not. `changed` says whether
    /// its messages have changed since the last snapshot.
    fn note_idleness(&mut self, snapshot: &Snapshot, changed: bool) -> Option<Duration> {
        let Some(activities) = snapshot.activities else {
            // Neither busy nor idle: only what the messages themselves say counts.
            self.idle_since = None;
            return None;
        };
        match activities.get(&self.conversation) {
            Some(activity) if activity.is_busy() => self.note_activity(activity, snapshot.at),
            // The status is older than the messages, so a turn that has only just begun reads idle.
            // That is why only the time counts in which nothing changes.
            _ if changed => self.idle_since = Some(snapshot.at),
            _ => {
                self.idle_since.get_or_insert(snapshot.at);
            }
        }
        self.idle_since.map(|since| snapshot.at.saturating_duration_since(since))
    }

    /// Takes the final REST state of the turn's messages.
    pub fn settle(&mut self, messages: &[Message], now: Instant, show: &mut dyn FnMut(&str)) {
        let mut timed = Timed { first: &mut self.first_text, now, show };
        let steps = self.prompts.steps_among(messages);
        for part in steps.iter().flat_map(|message| &message.parts) {
            self.news.note_part(None, part);
        }
        self.text.settle(steps.into_iter(), true, &mut timed.show());
        for message in messages {
            self.add_message(&message.info);
        }
        self.retries.note_end(now);
    }

    /// Takes a message as REST has it.
    fn add_message(&mut self, info: &Info) {
        if self.prompts.is_step(info) {
            self.add_step(info);
        } else if self.prompts.is_summary(info) {
            self.add_step_below(info);
        }
    }
}

impl Stage {
    fn of(steps: &[&Message]) -> Stage {
        let last = steps.last();
        Stage {
            steps: steps.len(),
            parts: last.map_or(0, |last| last.parts.len()),
            completed: last.is_some_and(|last| last.info.time.completed.is_some()),
        }
    }
}
