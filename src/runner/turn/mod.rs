//! One turn as a state machine. It is fed with events and with snapshots of REST; it has no network
//! and no clock of its own.
//!
//! Architecture invariant: **events make it fast, the REST state makes it true.** An event may show
//! text and may ask for a snapshot; only a snapshot ends a turn.

pub mod asks;
pub mod judge;
pub mod prompts;
pub mod record;
pub mod retries;
#[cfg(test)]
mod tests;
pub mod text;

pub use record::{Outcome, Tokens, TurnRecord};

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub use asks::Asks;
pub use judge::End;
pub use retries::Retries;

use crate::client::event::{Event, Kind};
use crate::client::wire::{Activities, Activity, Conversation, Info, Message, TurnError};
use prompts::Prompts;
use text::{FinishedText, Seen, Text};

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
struct Stage {
    steps: usize,
    /// Parts of the last step.
    parts: usize,
    /// Whether the last step is complete.
    completed: bool,
}

/// What a turn and its sub-agents have used so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    /// How often a model was called.
    pub steps: u64,
    /// US dollars, as far as the server has said what a step cost.
    pub cost: f64,
}

/// One turn.
#[derive(Debug)]
pub struct Turn {
    conversation: String,
    id: String,
    accepted: Instant,
    prompts: Prompts,
    descendants: BTreeSet<String>,
    steps: BTreeMap<String, Info>,
    text: Text,
    seen: Seen,
    first_text: Option<Instant>,
    early: Option<TurnError>,
    refused: Option<String>,
    /// What the turn asks for.
    pub asks: Asks,
    /// Steps of the sub-agents and summaries, with what each cost.
    below: BTreeMap<String, Option<f64>>,
    was_busy: bool,
    idle_since: Option<Instant>,
    stage: Stage,
    wants_look: bool,
    /// Events say that the end is near.
    ending: bool,
    progress: u64,
    /// How often and how long it waited for its provider.
    pub retries: Retries,
}

impl Turn {
    /// A turn whose prompt the server has just accepted.
    pub fn new(conversation: &str, id: &str, accepted: Instant) -> Turn {
        Turn {
            conversation: conversation.into(),
            id: id.into(),
            accepted,
            prompts: Prompts::new(id),
            descendants: BTreeSet::new(),
            steps: BTreeMap::new(),
            text: Text::new(),
            seen: Seen::default(),
            first_text: None,
            early: None,
            refused: None,
            asks: Asks::default(),
            below: BTreeMap::new(),
            was_busy: false,
            idle_since: None,
            stage: Stage::default(),
            wants_look: false,
            ending: false,
            progress: 0,
            retries: Retries::default(),
        }
    }

    /// Whether a conversation is this turn's own or one of its sub-agents'.
    pub fn concerns(&self, conversation: &str) -> bool {
        conversation == self.conversation || self.descendants.contains(conversation)
    }

    /// The id of the prompt.
    pub fn id(&self) -> &str {
        &self.id
    }

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
            Kind::Answered { id, reply } => self.asks.note_answer(id, reply.as_deref()),
            _ if conversation == self.conversation => self.own_event(&event.kind, now, show),
            Kind::Message(info) => self.add_step_below(info),
            Kind::Activity(activity) => self.retries.note_activity(conversation, activity, now),
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
            Kind::Part(part) if part.synthetic && self.prompts.is_compacted() => {
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
        let over = info.time.completed.is_some() && info.finish.as_deref() != Some("tool-calls");
        self.ending = over;
        self.wants_look |= over;
        self.add_step(info);
    }

    fn add_step(&mut self, info: &Info) {
        if self.steps.insert(info.id.clone(), info.clone()).is_none() {
            self.retries.note_step(&self.conversation);
        }
    }

    /// Takes what the turn's own conversation is doing.
    fn note_activity(&mut self, activity: &Activity, now: Instant) {
        self.retries.note_activity(&self.conversation, activity, now);
        let idle = activity.kind == "idle";
        self.wants_look |= idle;
        self.ending |= idle;
        self.was_busy |= activity.busy();
        if activity.busy() {
            self.idle_since = None;
        }
    }

    /// Takes a conversation into the turn's tree if its parent is in it. True if it is in the tree
    /// then.
    pub fn join_tree(&mut self, conversation: &Conversation) -> bool {
        if conversation.parent.as_deref().is_some_and(|parent| self.concerns(parent)) {
            self.descendants.insert(conversation.id.clone());
        }
        self.concerns(&conversation.id)
    }

    /// Takes a message as REST has it.
    fn add_message(&mut self, info: &Info) {
        if self.prompts.is_step(info) {
            self.add_step(info);
        } else if self.prompts.is_summary(info) {
            self.add_step_below(info);
        }
    }

    /// Learns from messages since the prompt, oldest first, which of them are the turn's.
    pub fn learn(&mut self, messages: &[Message]) {
        self.prompts.learn(messages);
    }

    /// Whether a message belongs to the turn: one of its steps, or a summary made on the way.
    pub fn includes(&self, info: &Info) -> bool {
        self.prompts.is_step(info) || self.prompts.is_summary(info)
    }

    /// Takes a step of a sub-agent, or a summary that the server made on the way.
    pub fn add_step_below(&mut self, info: &Info) {
        if info.role == "assistant" {
            self.below.insert(info.id.clone(), info.cost);
        }
    }

    /// Notes that the end is near, by something else than an event.
    pub fn expect_end(&mut self) {
        self.ending = true;
        self.wants_look = true;
    }

    /// Notes that events may have been missed.
    pub fn note_gap(&mut self) {
        self.text.note_gap();
        self.wants_look = true;
    }

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
            Some(activity) if activity.busy() => self.note_activity(activity, snapshot.at),
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
        self.text.settle(steps.into_iter(), true, &mut timed.show());
        for message in messages {
            self.add_message(&message.info);
        }
        self.retries.note_end(now);
    }

    /// Whether something happened after which REST may say that the turn is over.
    pub fn wants_look(&self) -> bool {
        self.wants_look
    }

    /// Whether events say that the end is near, although REST may not say so yet.
    pub fn is_ending(&self) -> bool {
        self.ending
    }

    /// Whether the server has shown anything of the turn.
    pub fn has_begun(&self) -> bool {
        self.progress > 0 || self.stage.steps > 0
    }

    /// Grows with every event of this turn.
    pub fn progress(&self) -> u64 {
        self.progress
    }

    /// Gives away the turn's text, when it is over.
    pub fn finish_text(&mut self) -> FinishedText {
        self.text.finish()
    }

    /// The turn's text so far.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The sub-agents' conversations.
    pub fn descendants(&self) -> impl Iterator<Item = &str> {
        self.descendants.iter().map(String::as_str)
    }

    /// What the turn and its sub-agents have used so far.
    pub fn spent(&self) -> Spent {
        let own = self.steps.values().filter_map(|info| info.cost);
        let below = self.below.values().filter_map(|cost| *cost);
        Spent { steps: (self.steps.len() + self.below.len()) as u64, cost: own.chain(below).sum() }
    }

    /// When the first text was shown.
    pub fn first_text(&self) -> Option<Instant> {
        self.first_text
    }

    /// The turn's own steps.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = &Info> {
        self.steps.values()
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

/// Notes when the first text was shown.
struct Timed<'a> {
    first: &'a mut Option<Instant>,
    now: Instant,
    show: &'a mut dyn FnMut(&str),
}

impl Timed<'_> {
    fn show(&mut self) -> impl FnMut(&str) {
        |text: &str| {
            self.first.get_or_insert(self.now);
            (self.show)(text);
        }
    }
}
