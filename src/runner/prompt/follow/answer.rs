//! Answers what a turn asks for, as far as its policy does.

use serde_json::json;

use super::{Follower, StopReason};
use crate::client::Answer;
use crate::client::wire::Reply;
use crate::runner::asks::policy::Ruling;
use crate::runner::turn::record::{Ask, AskKind, Decision, Failed};

impl Follower<'_> {
    /// Decides about every ask that is pending; `Some` if the policy ends the turn.
    pub(super) fn answer_asks(&mut self) -> Option<StopReason> {
        let pending: Vec<Ask> = self.turn.asks.pending().cloned().collect();
        for ask in pending {
            let ruling = self.terms.policy.decide(&ask);
            let new = self.told.insert(ask.id.clone());
            if new {
                self.tell(&json!({
                    "event": "ask", "ask": ask, "session": self.server.record.id,
                    "conversation": self.place.id, "turn": self.turn.id(),
                }));
            }
            match ruling {
                Ruling::Wait if new => (self.operation.context.say)(&self.what_to_do(&ask)),
                Ruling::Wait => {}
                Ruling::Fail { by } => {
                    self.turn.asks.decide(&ask.id, Decision::Unanswered, &by);
                    let message = format!("the turn needs {} ({by})", shown(&ask));
                    return Some(StopReason::Blocked(Failed::new("Blocked", message)));
                }
                Ruling::Approve { by } => {
                    let sent = self.approve(&ask);
                    self.note_reply(&ask, sent, Decision::Once, &by);
                }
                Ruling::Reject { by } => {
                    let sent = self.reject(&ask, &by);
                    self.note_reply(&ask, sent, Decision::Reject, &by);
                }
            }
        }
        None
    }

    fn approve(&self, ask: &Ask) -> Answer<()> {
        self.server.client.reply_permission(&ask.id, &self.place.directory, &Reply::Once)
    }

    fn reject(&self, ask: &Ask, by: &str) -> Answer<()> {
        let client = &self.server.client;
        let directory = &self.place.directory;
        match ask.kind {
            AskKind::Question => client.reject_question(&ask.id, directory),
            // With a reason the model can go on without what it asked for; without one the turn
            // ends.
            AskKind::Permission => {
                let reason = format!("occtl rejected this by {by}");
                client.reply_permission(&ask.id, directory, &Reply::Reject(Some(reason)))
            }
        }
    }

    /// Writes down what became of an ask to which a reply was sent.
    fn note_reply(&mut self, ask: &Ask, sent: Answer<()>, decision: Decision, by: &str) {
        match sent {
            Ok(()) => self.turn.asks.decide(&ask.id, decision, by),
            // Another client was quicker; an event says what it decided.
            Err(failure) if failure.status() == Some(404) => self.turn.asks.note_gone(&ask.id),
            // The ask stays pending, and is answered when the server is itself again.
            Err(_) => {}
        }
    }

    fn what_to_do(&self, ask: &Ask) -> String {
        let session = &self.server.record.id;
        let id = &ask.id;
        let commands = match ask.kind {
            AskKind::Question => format!("occtl answer {session} {id} LABEL"),
            AskKind::Permission => {
                format!("occtl approve {session} {id} (or occtl reject {session} {id})")
            }
        };
        format!("the turn waits for {}: {commands}", shown(ask))
    }
}

/// An ask as it is named in a message.
pub fn shown(ask: &Ask) -> String {
    match &ask.permission {
        Some(permission) => format!("permission {permission}: {}", ask.patterns.join(", ")),
        None => format!("an answer to question {}", ask.id),
    }
}
