//! One conversation of a tree: what it is doing, and what its messages say.

use super::reading::Reading;
use super::standing::{Scenery, Stand};
use crate::client::wire::{Conversation, Info};
use crate::runner::session::doing::{Retry, RunningTool};
use crate::runner::turn::record::{Failed, UsedModel};

/// One conversation of the tree.
#[derive(Clone, Debug)]
pub struct Member {
    /// `ses_…`.
    pub id: String,
    /// Untrusted text.
    pub title: Option<String>,
    /// The conversation that it works for.
    pub parent: Option<String>,
    /// What it is doing itself.
    pub stand: Stand,
    /// Its newest prompt, `msg_…`.
    pub turn: Option<String>,
    /// How often the model was called for that.
    pub step: u64,
    /// Set while it waits to try its provider again.
    pub retry: Option<Retry>,
    /// The newest tool call that runs.
    pub tool: Option<RunningTool>,
    /// The agent of the newest step.
    pub agent: Option<String>,
    /// The model of the newest step.
    pub model: Option<UsedModel>,
    /// Why the newest turn failed.
    pub error: Option<Failed>,
    /// The newest text of the model; untrusted.
    pub last_text: Option<String>,
}

impl Member {
    /// A conversation with what its messages say, and what its server says of all.
    pub fn of(found: Conversation, reading: Reading, scenery: &Scenery) -> Member {
        let activity = scenery.activity(&found.id);
        let answer = reading.answer;
        let of_turn = answer.as_ref().filter(|_| reading.step > 0);
        let model = |info: &Info| {
            let (provider, id) = (info.provider.clone()?, info.model.clone()?);
            Some(UsedModel { provider, id, variant: info.variant.clone() })
        };
        Member {
            stand: scenery.stand_of(&found.id, reading.newest.as_ref()),
            retry: activity.and_then(Retry::of),
            // A server that was killed leaves its calls as they were.
            tool: reading.tool.filter(|_| activity.is_some()),
            error: of_turn.and_then(|info| Some(Failed::of(info.error.as_ref()?).about(info))),
            agent: answer.as_ref().and_then(|info| info.agent.clone()),
            model: answer.as_ref().and_then(model),
            id: found.id,
            title: found.title,
            parent: found.parent,
            turn: reading.turn,
            step: reading.step,
            last_text: reading.last_text,
        }
    }
}
