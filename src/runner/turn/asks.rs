//! What a turn asks for, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Ask, AskKind, Decision};
use crate::client::wire::{Permission, Question, Reply};

/// Who decided, where all we know is that it was not this process.
const SOMEBODY: &str = "somebody";

/// The asks of one turn, by id.
#[derive(Debug, Default)]
pub struct Asks(BTreeMap<String, Ask>);

impl Asks {
    /// Takes a pending permission request, from an event or from REST.
    pub fn add_permission(&mut self, ask: &Permission) {
        self.0.entry(ask.id.clone()).or_insert_with(|| Ask {
            id: ask.id.clone(),
            kind: AskKind::Permission,
            permission: Some(ask.permission.clone()),
            patterns: ask.patterns.clone(),
            decision: Decision::Pending,
            by: None,
            conversation: ask.conversation.clone(),
        });
    }

    /// Takes a pending question, from an event or from REST.
    pub fn add_question(&mut self, ask: &Question) {
        self.0.entry(ask.id.clone()).or_insert_with(|| Ask {
            id: ask.id.clone(),
            kind: AskKind::Question,
            permission: None,
            patterns: Vec::new(),
            decision: Decision::Pending,
            by: None,
            conversation: ask.conversation.clone(),
        });
    }

    /// Takes an answer that an event tells of. It makes exact what REST says, which is only that
    /// the ask is gone; what this process decided itself is known better.
    pub fn note_answer(&mut self, id: &str, reply: Option<&Reply>) {
        if let Some(ask) = self.0.get_mut(id).filter(|ask| ask.decision.is_vague()) {
            ask.decision = reply.map_or(Decision::Answered, Decision::of_reply);
            ask.by = Some(SOMEBODY.into());
        }
    }

    /// Takes the ids that REST lists: the other asks have been answered, and not by this process.
    pub fn keep_pending(&mut self, listed: &BTreeSet<String>) {
        for ask in self.0.values_mut().filter(|ask| ask.decision == Decision::Pending) {
            if !listed.contains(&ask.id) {
                ask.decision = Decision::Answered;
                ask.by = Some(SOMEBODY.into());
            }
        }
    }

    /// Notes that an ask is gone before this process could answer it.
    pub fn note_gone(&mut self, id: &str) {
        self.decide(id, Decision::Answered, SOMEBODY);
    }

    /// Writes down what this process decided, and by which flag or rule.
    pub fn decide(&mut self, id: &str, decision: Decision, by: &str) {
        if let Some(ask) = self.0.get_mut(id) {
            ask.decision = decision;
            ask.by = Some(by.into());
        }
    }

    /// The asks without an answer.
    pub fn pending(&self) -> impl Iterator<Item = &Ask> {
        self.0.values().filter(|ask| ask.decision == Decision::Pending)
    }

    /// The permission requests without an answer.
    pub fn pending_permissions(&self) -> impl Iterator<Item = &Ask> {
        self.pending().filter(|ask| ask.kind == AskKind::Permission)
    }

    /// All asks, in the order of their ids.
    pub fn all(&self) -> impl Iterator<Item = &Ask> {
        self.0.values()
    }
}
