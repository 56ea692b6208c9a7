//! Answers what a turn asks for, as far as its policy does.

use serde_json::json;

use super::{Ended, Follower, named};
use crate::client::Answer;
use crate::runner::asks::policy::Decision;
use crate::runner::turn::record::Ask;

impl Follower<'_> {
    /// Decides about every ask that is pending; `Some` if the policy ends the turn.
    pub(super) fn answer_asks(&mut self) -> Option<Ended> {
        let pending: Vec<Ask> = self.turn.asks.pending().cloned().collect();
        for ask in pending {
            let decision = self.terms.policy.decide(&ask);
            let new = self.told.insert(ask.id.clone());
            if new {
                self.tell(&json!({
                    "event": "ask", "ask": ask, "session": self.server.record.id,
                    "conversation": self.place.id, "turn": self.turn_id,
                }));
            }
            match decision {
                Decision::Wait if new => (self.context.say)(&self.what_to_do(&ask)),
                Decision::Wait => {}
                Decision::Fail { by } => {
                    self.turn.asks.decide(&ask.id, "unanswered", &by);
                    let message = format!("the turn needs {} ({by})", shown(&ask));
                    return Some(Ended::Blocked(named("Blocked", &message)));
                }
                Decision::Reply { reply, by } => match self.reply(&ask, reply, &by) {
                    Ok(()) => self.turn.asks.decide(&ask.id, reply, &by),
                    // Somebody else was quicker; the next look says so.
                    Err(failure) if failure.status() == Some(404) => {
                        self.turn.asks.decide(&ask.id, "answered", "somebody");
                    }
                    // The ask stays pending and is answered when the server is itself again.
                    Err(_) => {}
                },
            }
        }
        None
    }

    fn reply(&self, ask: &Ask, reply: &str, by: &str) -> Answer<()> {
        let client = &self.server.client;
        let directory = &self.place.directory;
        if ask.kind == "question" {
            return client.reject_question(&ask.id, directory);
        }
        // With a reason the model can go on without what it asked for; without one the turn ends.
        let reason = (reply == "reject").then(|| format!("occtl rejected this by {by}"));
        client.reply_permission(&ask.id, directory, reply, reason.as_deref())
    }

    fn what_to_do(&self, ask: &Ask) -> String {
        let session = &self.server.record.id;
        let id = &ask.id;
        let commands = match ask.kind {
            "question" => format!("occtl answer {session} {id} LABEL"),
            _ => format!("occtl approve {session} {id} (or occtl reject {session} {id})"),
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
