//! One turn as a state machine: fed by events and by REST answers, without a network and without a
//! clock of its own.
//!
//! Architecture invariant: **events make it fast, the REST state makes it true.** An event may show
//! text and may ask for a look; only a REST answer ends a turn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::outcome::{Ask, Failed};
use super::text::Text;
use crate::client::event::{Event, Kind};
use crate::client::wire::{Activities, Activity, Info, Message, Permission, Question, TurnError};

/// How long a prompt may stay without any sign of life. A cold directory needs 1.5 s.
pub const START_WINDOW: Duration = Duration::from_secs(15);
/// For how long an unfinished turn must read idle before we believe that it is over: the server is
/// idle for a moment between two steps.
pub const IDLE_PROOF: Duration = Duration::from_millis(700);

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

/// What REST says at one moment.
#[derive(Debug)]
pub struct Look<'a> {
    /// The messages from the prompt on, oldest first; without the prompt if the server lacks it.
    pub messages: &'a [Message],
    /// What the conversations of the directory are doing.
    pub activities: &'a Activities,
    /// When it was asked.
    pub at: Instant,
}

/// The turn.
#[derive(Debug)]
pub struct Turn {
    conversation: String,
    id: String,
    accepted: Instant,
    descendants: BTreeSet<String>,
    steps: BTreeMap<String, Info>,
    text: Text,
    first_text: Option<Instant>,
    early: Option<TurnError>,
    asks: BTreeMap<String, Ask>,
    was_busy: bool,
    idle_since: Option<Instant>,
    look_wanted: bool,
    progress: u64,
    retries: u64,
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
            descendants: BTreeSet::new(),
            steps: BTreeMap::new(),
            text: Text::new(),
            first_text: None,
            early: None,
            asks: BTreeMap::new(),
            was_busy: false,
            idle_since: None,
            look_wanted: false,
            progress: 0,
            retries: 0,
            retrying: None,
            retry_wait: Duration::ZERO,
        }
    }

    /// Whether a conversation is this turn's own or one of its sub-agents'.
    pub fn concerns(&self, conversation: &str) -> bool {
        conversation == self.conversation || self.descendants.contains(conversation)
    }

    /// Takes an event; text goes to `show`.
    pub fn event(&mut self, event: &Event, now: Instant, show: &mut dyn FnMut(&str)) {
        if let Kind::Conversation(conversation) = &event.kind {
            if conversation.parent.as_deref().is_some_and(|parent| self.concerns(parent)) {
                self.descendants.insert(conversation.id.clone());
            }
            return;
        }
        let Some(conversation) = event.conversation.as_deref() else { return };
        if !self.concerns(conversation) || self.text.repeated(event.id.as_deref()) {
            return;
        }
        self.progress += 1;
        match &event.kind {
            Kind::Permission(ask) => self.permission(ask),
            Kind::Question(ask) => self.question(ask),
            Kind::Answered(id) => self.answered(id),
            _ if conversation == self.conversation => self.own_event(&event.kind, now, show),
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
                self.text.part(part, &mut Timed { first: &mut self.first_text, now, show }.show());
            }
            Kind::Delta { message, part, field, text }
                if field == "text" && self.steps.contains_key(message) =>
            {
                let mut timed = Timed { first: &mut self.first_text, now, show };
                self.text.delta(message, part, text, &mut timed.show());
            }
            Kind::Activity(activity) => self.activity(activity, now),
            Kind::Failed(error) => {
                self.early.get_or_insert_with(|| error.clone());
                self.look_wanted = true;
            }
            _ => {}
        }
    }

    fn message(&mut self, info: &Info) {
        if info.parent.as_deref() == Some(&self.id) {
            self.look_wanted |= info.time.completed.is_some();
            self.steps.insert(info.id.clone(), info.clone());
        }
    }

    fn activity(&mut self, activity: &Activity, now: Instant) {
        match activity.kind.as_str() {
            "retry" => {
                let attempt = activity.attempt.unwrap_or(0.0) as u64;
                self.retries = self.retries.max(attempt);
                let why = activity.message.clone().unwrap_or_default();
                let since = self.retrying.take().map_or(now, |(since, _)| since);
                self.retrying = Some((since, why));
            }
            kind => {
                if let Some((since, _)) = self.retrying.take() {
                    self.retry_wait += now.saturating_duration_since(since);
                }
                self.look_wanted |= kind == "idle";
                self.was_busy |= kind == "busy";
            }
        }
    }

    /// Takes a pending permission of this turn, from an event or from REST.
    pub fn permission(&mut self, ask: &Permission) {
        self.asks.entry(ask.id.clone()).or_insert_with(|| Ask {
            id: ask.id.clone(),
            kind: "permission",
            permission: Some(ask.permission.clone()),
            patterns: ask.patterns.clone(),
            decision: "pending".into(),
            by: None,
        });
    }

    /// Takes a pending question of this turn.
    pub fn question(&mut self, ask: &Question) {
        self.asks.entry(ask.id.clone()).or_insert_with(|| Ask {
            id: ask.id.clone(),
            kind: "question",
            permission: None,
            patterns: Vec::new(),
            decision: "pending".into(),
            by: None,
        });
    }

    fn answered(&mut self, id: &str) {
        if let Some(ask) = self.asks.get_mut(id).filter(|ask| ask.decision == "pending") {
            ask.decision = "answered".into();
        }
    }

    /// Events may have been missed.
    pub fn gap(&mut self) {
        self.text.gap();
        self.look_wanted = true;
    }

    /// Takes what REST says; `Some` if the turn is over.
    pub fn look(&mut self, look: &Look, show: &mut dyn FnMut(&str)) -> Option<End> {
        self.look_wanted = false;
        for message in look.messages {
            if message.info.parent.as_deref() == Some(&self.id) {
                self.steps.insert(message.info.id.clone(), message.info.clone());
            }
        }
        let ours: Vec<Message> = look
            .messages
            .iter()
            .filter(|message| message.info.parent.as_deref() == Some(&self.id))
            .cloned()
            .collect();
        let mut timed = Timed { first: &mut self.first_text, now: look.at, show };
        self.text.settle(&ours, false, &mut timed.show());
        let activity = look.activities.get(&self.conversation).filter(|one| one.busy());
        if let Some(activity) = activity {
            self.was_busy = true;
            self.idle_since = None;
            if activity.kind == "retry" {
                self.activity(activity, look.at);
            }
        }
        let idle = activity.is_none();
        let idle_for = match (idle, self.idle_since) {
            (false, _) => Duration::ZERO,
            (true, None) => {
                self.idle_since = Some(look.at);
                Duration::ZERO
            }
            (true, Some(since)) => look.at.saturating_duration_since(since),
        };
        let end = self.judge(&ours, look, idle.then_some(idle_for));
        self.look_wanted |= end.is_none() && idle;
        end
    }

    fn judge(&self, ours: &[Message], look: &Look, idle: Option<Duration>) -> Option<End> {
        let proven_idle = idle.is_some_and(|idle| idle >= IDLE_PROOF);
        let Some(last) = ours.last().map(|message| &message.info) else {
            return self.not_answered(look, idle.is_some(), proven_idle);
        };
        if let Some(error) = &last.error {
            return Some(match error.name.as_str() {
                "MessageAbortedError" => End::Aborted,
                _ => End::Failed(Failed { name: error.name.clone(), message: error.text().into() }),
            });
        }
        let completed = last.time.completed.is_some();
        match last.finish.as_deref() {
            Some("tool-calls" | "unknown") | None => {}
            Some(_) if completed => return Some(End::Finished),
            Some(_) => {}
        }
        if let Some(newer) = self.taken_over(look) {
            return Some(End::Failed(superseded(newer)));
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
            return Some(End::Failed(superseded(newer)));
        }
        if !idle {
            return None;
        }
        if let (Some(error), true) = (&self.early, proven_idle) {
            let (name, message) = (error.name.clone(), error.text().to_string());
            return Some(End::Failed(Failed { name, message }));
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

    /// Takes the final REST state of the turn's messages.
    pub fn settle(&mut self, messages: &[Message], now: Instant, show: &mut dyn FnMut(&str)) {
        let mut timed = Timed { first: &mut self.first_text, now, show };
        self.text.settle(messages, true, &mut timed.show());
        for message in messages {
            self.steps.insert(message.info.id.clone(), message.info.clone());
        }
        if let Some((since, _)) = self.retrying.take() {
            self.retry_wait += now.saturating_duration_since(since);
        }
    }

    /// Whether something happened after which REST may say that the turn is over.
    pub fn look_wanted(&self) -> bool {
        self.look_wanted
    }

    /// Grows with every event of this turn.
    pub fn progress(&self) -> u64 {
        self.progress
    }

    /// What the turn's text is so far.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The sub-agents' conversations.
    pub fn descendants(&self) -> impl Iterator<Item = &str> {
        self.descendants.iter().map(String::as_str)
    }

    /// All asks of the turn, in the order of their ids.
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.asks.values()
    }

    /// Why the provider is being tried again right now.
    pub fn retrying(&self) -> Option<&str> {
        self.retrying.as_ref().map(|(_, why)| why.as_str())
    }

    /// How often the provider was tried again, and how long that took.
    pub fn retries(&self) -> (u64, Duration) {
        (self.retries, self.retry_wait)
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

fn failed(name: &str, message: &str) -> End {
    End::Failed(Failed { name: name.into(), message: message.into() })
}

fn superseded(newer: &str) -> Failed {
    Failed { name: "Superseded".into(), message: format!("the newer prompt {newer} took over") }
}
