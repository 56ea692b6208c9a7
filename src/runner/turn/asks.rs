//! What a turn asks for, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Ask;
use crate::client::wire::{Permission, Question};

/// Still nobody has answered.
pub const PENDING: &str = "pending";

/// Somebody has, and we do not know how.
pub const ANSWERED: &str = "answered";

/// Whoever it is, it is not us.
pub const SOMEBODY: &str = "somebody";

/// The asks of one turn, by id.
#[derive(Debug, Default)]
pub struct Asks(BTreeMap<String, Ask>);

impl Asks {
    /// Takes a pending permission, from an event or from REST.
    pub fn permission(&mut self, ask: &Permission) {
        self.0.entry(ask.id.clone()).or_insert_with(|| Ask {
            id: ask.id.clone(),
            kind: "permission",
            permission: Some(ask.permission.clone()),
            patterns: ask.patterns.clone(),
            decision: PENDING.into(),
            by: None,
            conversation: ask.conversation.clone(),
        });
    }

    /// Takes a pending question.
    pub fn question(&mut self, ask: &Question) {
        self.0.entry(ask.id.clone()).or_insert_with(|| Ask {
            id: ask.id.clone(),
            kind: "question",
            permission: None,
            patterns: Vec::new(),
            decision: PENDING.into(),
            by: None,
            conversation: ask.conversation.clone(),
        });
    }

    /// An event says that somebody answered. What we decided ourselves is known better; what REST
    /// says, which is only that the ask is gone, is not.
    pub fn answered(&mut self, id: &str, reply: Option<&str>) {
        let open = |ask: &&mut Ask| ask.decision == PENDING || ask.decision == ANSWERED;
        if let Some(ask) = self.0.get_mut(id).filter(open) {
            ask.decision = reply.unwrap_or(ANSWERED).into();
            ask.by = Some(SOMEBODY.into());
        }
    }

    /// REST knows only these; the others have been answered by somebody.
    pub fn only_pending(&mut self, listed: &BTreeSet<&str>) {
        for ask in self.0.values_mut().filter(|ask| ask.decision == PENDING) {
            if !listed.contains(ask.id.as_str()) {
                ask.decision = ANSWERED.into();
                ask.by = Some(SOMEBODY.into());
            }
        }
    }

    /// Writes down what was decided, and by what.
    pub fn decide(&mut self, id: &str, decision: &str, by: &str) {
        if let Some(ask) = self.0.get_mut(id) {
            ask.decision = decision.into();
            ask.by = Some(by.into());
        }
    }

    /// The asks that nobody has answered.
    pub fn pending(&self) -> impl Iterator<Item = &Ask> {
        self.0.values().filter(|ask| ask.decision == PENDING)
    }

    /// All asks, in the order of their ids.
    pub fn all(&self) -> impl Iterator<Item = &Ask> {
        self.0.values()
    }
}
