//! One turn as a state machine. It is fed with events and with snapshots of REST; it has no network
//! and no clock of its own.
//!
//! Architecture invariant: **events make it fast, the REST state makes it true.** An event may show
//! text and may ask for a snapshot; only a snapshot ends a turn.

pub mod asks;
pub mod cuts;
pub mod events;
pub mod judge;
pub mod news;
pub mod prompts;
pub mod record;
pub mod retries;
pub mod seen;
pub mod snapshot;
#[cfg(test)]
mod tests;
pub mod text;
pub mod used;

pub use asks::Asks;
pub use judge::End;
pub use news::{Happening, Named, News, Newsroom};
pub use record::{Outcome, TurnRecord};
pub use retries::Retries;
pub use snapshot::Snapshot;
pub use used::{Tokens, Used};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::client::wire::{Conversation, Info, Message, TurnError};
use crate::units;
use cuts::Working;
use prompts::Prompts;
use seen::Seen;
use snapshot::Stage;
use text::{FinishedText, Text};

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
    /// Steps of the sub-agents and summaries.
    below: BTreeMap<String, Info>,
    working: Working,
    was_busy: bool,
    /// The server holds its answer to a command back: it may still run shell lines of it.
    is_prepared: bool,
    idle_since: Option<Instant>,
    stage: Stage,
    wants_look: bool,
    /// Events say that the end is near.
    ending: bool,
    progress: u64,
    /// How often and how long it waited for its provider.
    pub retries: Retries,
    /// What has happened that the caller has not been told yet.
    pub news: Newsroom,
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
            working: Working::default(),
            was_busy: false,
            is_prepared: false,
            idle_since: None,
            stage: Stage::default(),
            wants_look: false,
            ending: false,
            progress: 0,
            retries: Retries::default(),
            news: Newsroom::default(),
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

    fn add_step(&mut self, info: &Info) {
        if self.steps.insert(info.id.clone(), info.clone()).is_none() {
            self.retries.note_step(&self.conversation);
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

    /// Learns from messages since the prompt, oldest first, which of them are the turn's.
    pub fn learn(&mut self, messages: &[Message]) {
        self.prompts.learn(messages);
    }

    /// Whether a message belongs to the turn: one of its steps, or a summary made on the way.
    pub fn includes(&self, info: &Info) -> bool {
        self.prompts.is_step(info) || self.prompts.is_summary(info)
    }

    /// Takes a message of a sub-agent.
    pub fn add_message_below(&mut self, message: &Message) {
        for part in &message.parts {
            self.working.note(part);
            self.news.note_part(Some(&message.info.conversation), part);
        }
        self.add_step_below(&message.info);
    }

    /// Takes a step of a sub-agent, or a summary that the server made on the way.
    pub fn add_step_below(&mut self, info: &Info) {
        if info.is_answer() {
            self.below.insert(info.id.clone(), info.clone());
        }
    }

    /// Notes that the end is near, by something else than an event.
    pub fn expect_end(&mut self) {
        self.ending = true;
        self.wants_look = true;
    }

    /// Notes whether the server may still prepare the prompt, which takes as long as shell lines of
    /// a command do. Until then it has neither the prompt nor anything to do.
    pub fn note_preparation(&mut self, is_prepared: bool) {
        self.is_prepared = is_prepared;
    }

    /// Whether the server may still prepare the prompt.
    pub fn is_prepared(&self) -> bool {
        self.is_prepared && self.steps.is_empty()
    }

    /// Notes that events may have been missed.
    pub fn note_gap(&mut self) {
        self.text.note_gap();
        self.wants_look = true;
    }

    /// Whether what asked for something ended before the turn's first step began, `message` being
    /// the answer in which it asked: then it was aborted. One step follows the other, and the
    /// server's ids sort by time.
    pub fn has_passed(&self, message: Option<&str>) -> bool {
        let first = self.steps.keys().next();
        message.zip(first).is_some_and(|(message, first)| message < first.as_str())
    }

    /// Whether something happened after which REST may say that the turn is over.
    pub fn wants_look(&self) -> bool {
        self.wants_look
    }

    /// Whether events say that the end is near, although REST may not say so yet.
    pub fn is_ending(&self) -> bool {
        self.ending
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
        let cost = units::sum(self.all_steps().filter_map(|info| info.cost));
        Spent { steps: self.all_steps().count() as u64, cost }
    }

    /// The provider and the model of the newest step, for messages.
    pub fn provider(&self) -> String {
        let named =
            |info: &Info| Some(format!("{}/{}", info.provider.as_ref()?, info.model.as_ref()?));
        let name = self.steps.values().next_back().and_then(named);
        name.map_or("the provider".into(), |name| format!("the provider ({name})"))
    }

    /// When the first text was shown.
    pub fn first_text(&self) -> Option<Instant> {
        self.first_text
    }

    /// The turn's own steps, its sub-agents' and the summaries. The message with which the server
    /// itself calls the sub-agent of a command is none.
    pub fn all_steps(&self) -> impl Iterator<Item = &Info> {
        let is_call = |info: &&Info| {
            let answers = info.parent.as_deref() == Some(self.id.as_str());
            !(self.prompts.is_of_sub_agent() && answers && !info.has_usage())
        };
        self.steps.values().filter(is_call).chain(self.below.values())
    }

    /// The turn's own steps.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = &Info> {
        self.steps.values()
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
