//! What events tell of a turn.

use std::time::Instant;

use super::{Timed, Turn};
use crate::client::event::{Event, Kind};
use crate::client::wire::{Activity, ActivityKind, Info};

impl Turn {
    /// Takes an event; new text goes to `show`.
    pub fn apply_event(&mut self, event: &Event, now: Instant, show: &mut dyn FnMut(&str)) {
        if let Kind::Conversation(conversation) = &event.kind {
            self.join_tree(conversation);
            return;
        }
        let Some(conversation) = event.conversation.as_deref() else { return };
        if !self.concerns(conversation) {
            // It may be of a sub-agent that no event has named; REST knows.
            self.wants_look |= matches!(event.kind, Kind::Permission(_) | Kind::Question(_));
            return;
        }
        if !self.seen.remember(event.id.as_deref()) {
            return;
        }
        self.progress += 1;
        match &event.kind {
            Kind::Permission(ask) => self.asks.add_permission(ask),
            Kind::Question(ask) => self.asks.add_question(ask),
            Kind::Answered { id, reply } => self.asks.note_answer(id, reply.as_ref()),
            _ if conversation == self.conversation => self.own_event(&event.kind, now, show),
            Kind::Message(info) => self.add_step_below(info),
            Kind::Part(part) => {
                self.working.note(part);
                self.news.note_part(Some(conversation), part);
            }
            Kind::Activity(activity) => {
                self.retries.note_activity(conversation, activity, now);
                self.news.note_activity(conversation, Some(conversation), activity);
            }
            _ => {}
        }
    }

    fn own_event(&mut self, kind: &Kind, now: Instant, show: &mut dyn FnMut(&str)) {
        match kind {
            Kind::Message(info) => self.own_message(info),
            Kind::Part(part) if self.steps.contains_key(&part.message) => {
                if let Some(child) = &part.state.metadata.conversation {
                    self.descendants.insert(child.clone());
                }
                self.working.note(part);
                self.news.note_part(None, part);
                self.note_writing();
                let mut timed = Timed { first: &mut self.first_text, now, show };
                self.text.take_part(part, &mut timed.show());
            }
            Kind::Delta { message, part, field, text }
                if field == "text" && self.steps.contains_key(message) =>
            {
                self.note_writing();
                let mut timed = Timed { first: &mut self.first_text, now, show };
                self.text.take_delta(message, part, text, &mut timed.show());
            }
            // The server goes on under another prompt of its own; REST says which.
            Kind::Part(part) if part.kind == "compaction" => self.wants_look = true,
            Kind::Part(part) if part.synthetic && self.prompts.may_go_on() => {
                self.wants_look = true;
            }
            Kind::Activity(activity) => self.note_activity(activity, now),
            Kind::Failed(error) => {
                self.early.get_or_insert_with(|| error.clone());
                self.wants_look = true;
            }
            _ => {}
        }
    }

    /// Notes that something is being written: neither is the end near, nor is anything idle.
    fn note_writing(&mut self) {
        self.ending = false;
        self.idle_since = None;
    }

    /// Takes a message of the turn's own conversation.
    fn own_message(&mut self, info: &Info) {
        if self.prompts.is_summary(info) {
            self.add_step_below(info);
        }
        if !self.prompts.is_step(info) {
            return;
        }
        // After `tool-calls` the turn usually goes on; if it does not, the server says idle.
        let over = info.time.completed.is_some()
            && info.finish.as_deref() != Some("tool-calls")
            && !info.lacks_finish();
        self.ending = over;
        self.wants_look |= over;
        self.add_step(info);
    }

    /// Takes what the turn's own conversation is doing.
    pub(super) fn note_activity(&mut self, activity: &Activity, now: Instant) {
        self.retries.note_activity(&self.conversation, activity, now);
        self.news.note_activity(&self.conversation, None, activity);
        let idle = activity.kind == ActivityKind::Idle;
        self.wants_look |= idle;
        self.ending |= idle;
        self.was_busy |= activity.is_busy();
        if activity.is_busy() {
            self.idle_since = None;
        }
    }
}
