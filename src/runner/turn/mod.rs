//! One turn as a state machine: fed by events and by REST answers, without a network and without a
//! clock of its own.
//!
//! Architecture invariant: **events make it fast, the REST state makes it true.** An event may show
//! text and may ask for a look; only a REST answer ends a turn.

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

use crate::client::event::{Event, Kind};
use crate::client::wire::{Activities, Activity, Conversation, Info, Message, TurnError};
use prompts::Prompts;
use text::{Seen, Text};

/// What REST says at one moment.
#[derive(Debug)]
pub struct Look<'a> {
    /// The messages from the prompt on, oldest first; without the prompt if the server lacks it.
    pub messages: &'a [Message],
    /// What the conversations of the directory are doing; `None` if the server does not tell.
    pub activities: Option<&'a Activities>,
    /// When it was asked.
    pub at: Instant,
}

/// The turn.
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
    /// How many steps REST had, how many parts the last of them, and whether it was completed.
    state: (usize, usize, bool),
    look_wanted: bool,
    /// Events say that the end is near.
    ending: bool,
    progress: u64,
    retries: u64,
    /// The last retry of each conversation: the server counts anew for every step.
    attempts: BTreeMap<String, u64>,
    retrying: Option<(Instant, String)>,
    retry_wait: Duration,
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
            state: (0, 0, false),
            look_wanted: false,
            ending: false,
            progress: 0,
            retries: 0,
            attempts: BTreeMap::new(),
            retrying: None,
            retry_wait: Duration::ZERO,
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

    /// Takes an event; text goes to `show`.
    pub fn event(&mut self, event: &Event, now: Instant, show: &mut dyn FnMut(&str)) {
        if let Kind::Conversation(conversation) = &event.kind {
            self.relative(conversation);
            return;
        }
        let Some(conversation) = event.conversation.as_deref() else { return };
        if !self.concerns(conversation) {
            // It may be a sub-agent's of which no event has told; REST knows.
            self.look_wanted |= matches!(event.kind, Kind::Permission(_) | Kind::Question(_));
            return;
        }
        if self.seen.repeated(event.id.as_deref()) {
            return;
        }
        self.progress += 1;
        match &event.kind {
            Kind::Permission(ask) => self.asks.add_permission(ask),
            Kind::Question(ask) => self.asks.add_question(ask),
            Kind::Answered { id, reply } => self.asks.note_answer(id, reply.as_deref()),
            _ if conversation == self.conversation => self.own_event(&event.kind, now, show),
            Kind::Message(info) => self.step_below(info),
            Kind::Activity(activity) => self.retry(conversation, activity, now),
            _ => {}
        }
    }

    fn own_event(&mut self, kind: &Kind, now: Instant, show: &mut dyn FnMut(&str)) {
        match kind {
            Kind::Message(info) => self.message(info),
            Kind::Part(part) if self.steps.contains_key(&part.message) => {
                if let Some(child) = &part.state.metadata.conversation {
                    self.descendants.insert(child.clone());
                }
                self.alive();
                self.text.part(part, &mut Timed { first: &mut self.first_text, now, show }.show());
            }
            Kind::Delta { message, part, field, text }
                if field == "text" && self.steps.contains_key(message) =>
            {
                self.alive();
                let mut timed = Timed { first: &mut self.first_text, now, show };
                self.text.delta(message, part, text, &mut timed.show());
            }
            // The server goes on by itself under another prompt; REST tells which.
            Kind::Part(part) if part.kind == "compaction" => self.look_wanted = true,
            Kind::Part(part) if part.synthetic && self.prompts.compacted() => {
                self.look_wanted = true;
            }
            Kind::Activity(activity) => self.activity(activity, now),
            Kind::Failed(error) => {
                self.early.get_or_insert_with(|| error.clone());
                self.look_wanted = true;
            }
            _ => {}
        }
    }

    /// Something is being written: neither is the end near, nor is anything idle.
    fn alive(&mut self) {
        self.ending = false;
        self.idle_since = None;
    }

    fn message(&mut self, info: &Info) {
        if self.prompts.compacted_by(info) {
            self.step_below(info);
        }
        if !self.prompts.answered_by(info) {
            return;
        }
        // After `tool-calls` the turn goes on as a rule; if it does not, the server says idle.
        let over = info.time.completed.is_some() && info.finish.as_deref() != Some("tool-calls");
        self.ending = over;
        self.look_wanted |= over;
        self.own_step(info);
    }

    fn own_step(&mut self, info: &Info) {
        if self.steps.insert(info.id.clone(), info.clone()).is_none() {
            self.attempts.remove(&self.conversation);
        }
    }

    fn activity(&mut self, activity: &Activity, now: Instant) {
        let conversation = self.conversation.clone();
        self.retry(&conversation, activity, now);
        let idle = activity.kind == "idle";
        self.look_wanted |= idle;
        self.ending |= idle;
        self.was_busy |= activity.busy();
        if activity.busy() {
            self.idle_since = None;
        }
    }

    /// Takes a conversation into the tree if its parent belongs to it; true if it is in the tree.
    pub fn relative(&mut self, conversation: &Conversation) -> bool {
        if conversation.parent.as_deref().is_some_and(|parent| self.concerns(parent)) {
            self.descendants.insert(conversation.id.clone());
        }
        self.concerns(&conversation.id)
    }

    /// Takes a message as REST has it.
    fn step(&mut self, info: &Info) {
        if self.prompts.answered_by(info) {
            self.own_step(info);
        } else if self.prompts.compacted_by(info) {
            self.step_below(info);
        }
    }

    /// Learns from all messages since the prompt which of them are the turn's.
    pub fn learn(&mut self, messages: &[Message]) {
        self.prompts.learn(messages);
    }

    /// Whether a message belongs to the turn: one of its steps, or a summary made on the way.
    pub fn includes(&self, info: &Info) -> bool {
        self.prompts.answered_by(info) || self.prompts.compacted_by(info)
    }

    /// Takes a step of a sub-agent.
    pub fn step_below(&mut self, info: &Info) {
        if info.role == "assistant" {
            self.below.insert(info.id.clone(), info.cost);
        }
    }

    /// Something else than events says that the end is near.
    pub fn near_end(&mut self) {
        self.ending = true;
        self.look_wanted = true;
    }

    /// Events may have been missed.
    pub fn gap(&mut self) {
        self.text.gap();
        self.look_wanted = true;
    }

    /// Whether the messages alone say that the model has finished. Of what the conversation is doing
    /// nothing is learned by this.
    pub fn has_finished(&mut self, look: &Look) -> bool {
        self.prompts.learn(look.messages);
        let ours = self.prompts.answers(look.messages);
        self.judge(&ours, look, None) == Some(End::Finished)
    }

    /// Takes what REST says; `Some` if the turn is over.
    pub fn look(&mut self, look: &Look, show: &mut dyn FnMut(&str)) -> Option<End> {
        self.look_wanted = false;
        self.prompts.learn(look.messages);
        for message in look.messages {
            self.step(&message.info);
        }
        let ours = self.prompts.answers(look.messages);
        for part in ours.iter().flat_map(|message| &message.parts) {
            self.descendants.extend(part.state.metadata.conversation.clone());
        }
        let mut timed = Timed { first: &mut self.first_text, now: look.at, show };
        self.text.settle(ours.iter().copied(), false, &mut timed.show());
        let last = ours.last();
        let state = (
            ours.len(),
            last.map_or(0, |last| last.parts.len()),
            last.is_some_and(|last| last.info.time.completed.is_some()),
        );
        let changed = std::mem::replace(&mut self.state, state) != state;
        let activity =
            look.activities.map(|all| all.get(&self.conversation).filter(|one| one.busy()));
        match activity {
            Some(Some(activity)) => self.activity(activity, look.at),
            // The status is older than the messages: what has only just begun reads idle. So only
            // the time counts in which nothing changes.
            Some(None) if changed => self.idle_since = Some(look.at),
            Some(None) => drop(self.idle_since.get_or_insert(look.at)),
            // Neither busy nor idle: only what the messages themselves say counts.
            None => self.idle_since = None,
        }
        let idle_for = self.idle_since.map(|since| look.at.saturating_duration_since(since));
        let end = self.judge(&ours, look, idle_for);
        self.look_wanted |= end.is_none() && idle_for.is_some();
        end
    }

    /// Takes the final REST state of the turn's messages.
    pub fn settle(&mut self, messages: &[Message], now: Instant, show: &mut dyn FnMut(&str)) {
        let mut timed = Timed { first: &mut self.first_text, now, show };
        self.text.settle(self.prompts.answers(messages).into_iter(), true, &mut timed.show());
        for message in messages {
            self.step(&message.info);
        }
        if let Some((since, _)) = self.retrying.take() {
            self.retry_wait += now.saturating_duration_since(since);
        }
    }

    /// Whether something happened after which REST may say that the turn is over.
    pub fn look_wanted(&self) -> bool {
        self.look_wanted
    }

    /// Whether events say that the end is near, although REST may not say so yet.
    pub fn ending(&self) -> bool {
        self.ending
    }

    /// Whether the server has shown anything of the turn.
    pub fn begun(&self) -> bool {
        self.progress > 0 || self.state.0 > 0
    }

    /// Grows with every event of this turn.
    pub fn progress(&self) -> u64 {
        self.progress
    }

    /// All of the turn's text and its answer, when it is over.
    pub fn finish_text(&mut self) -> (String, String) {
        self.text.finish()
    }

    /// What the turn's text is so far.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The sub-agents' conversations.
    pub fn descendants(&self) -> impl Iterator<Item = &str> {
        self.descendants.iter().map(String::as_str)
    }

    /// How many steps the whole tree has made, and what they cost as far as anybody told.
    pub fn spent(&self) -> (u64, f64) {
        let own = self.steps.values().map(|info| info.cost);
        let costs: Vec<f64> =
            own.chain(self.below.values().copied()).map(|cost| cost.unwrap_or(0.0)).collect();
        (costs.len() as u64, costs.iter().sum())
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
