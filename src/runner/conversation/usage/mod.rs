//! What conversations cost: `usage`.

pub mod free;
mod since;

use std::ops::ControlFlow;

use super::find::{self, Place, Seen, created};
use crate::client::Limit;
use crate::client::wire::{Conversation, Head};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::prices::Prices;
use crate::runner::session::server::Server;
use crate::runner::turn::Used;
use crate::sorting;
use free::Free;
pub use since::{By, Missing, Period, UsageRow, UsageSince, usage_since};

/// What one conversation used.
#[derive(Clone, Debug)]
pub struct Usage {
    /// `ses_…`.
    pub id: String,
    /// Untrusted text.
    pub title: Option<String>,
    /// The conversation that it works for.
    pub parent: Option<String>,
    /// What its steps used.
    pub used: Used,
}

/// What a conversation and its sub-agents used.
#[derive(Clone, Debug)]
pub struct UsageReport {
    /// `oc-…`.
    pub session: String,
    /// The sum of all, with the id of the conversation that was asked for.
    pub total: Usage,
    /// That conversation first, then all below it.
    pub conversations: Vec<Usage>,
}

/// What a conversation and all conversations below it used.
///
/// The messages are counted. What the server itself says of a conversation is of no use: old
/// servers say nothing, and new ones count what was paid for in the original of a fork.
pub fn usage(context: &Context, word: &str, id: Option<&str>) -> Result<UsageReport> {
    Server::with(context, word, |server| usage_of(server, id))
}

fn usage_of(server: &Server, id: Option<&str>) -> Result<UsageReport> {
    let place = find::given_or_latest(server, id)?;
    // Each with how many conversations are above it, up to that one.
    let mut open = vec![(0, find::load(server, &place.id)?)];
    let mut seen = Seen::of(&place.id);
    let mut found = Vec::new();
    while let Some((depth, conversation)) = open.pop() {
        let place = Place::of(conversation.clone(), server);
        let mut below = server.client.children(&place.id, &place.directory, Limit::Ordinary)?;
        below.retain(|child| seen.is_new(server, child, depth + 1));
        // A part of the sum would be taken for all of it.
        if seen.is_without_end {
            let text = format!("session {} lists sub-agents without end", server.record.id);
            return Err(Error::failed(format!("{text}, so there is no sum")));
        }
        // The oldest child comes last, because the last conversation is taken next.
        sorting::sort_by(&mut below, |a, b| created(b).total_cmp(&created(a)));
        open.extend(below.into_iter().map(|child| (depth + 1, child)));
        found.push(count(server, &place, conversation)?);
    }
    let total = total(place.id, &found);
    Ok(UsageReport { session: server.record.id.clone(), total, conversations: found })
}

fn total(id: String, all: &[Usage]) -> Usage {
    let mut total = Usage::new(id, None, None);
    for usage in all {
        total.used.add(&usage.used);
    }
    total
}

impl Usage {
    fn new(id: String, title: Option<String>, parent: Option<String>) -> Usage {
        Usage { id, title, parent, used: Used::default() }
    }
}

fn count(server: &Server, place: &Place, conversation: Conversation) -> Result<Usage> {
    let opened = created(&conversation);
    let mut usage = Usage::new(conversation.id, conversation.title, conversation.parent);
    let mut free = Free::default();
    let take = &mut |Head { info }: Head| {
        // The copies in a fork keep their times: a message that is older than its conversation was
        // paid for in the original.
        let own = info.time.created.is_none_or(|created| created >= opened);
        if info.is_answer() && own {
            free.take(info, &mut usage.used);
        }
        ControlFlow::Continue(())
    };
    let read = server.client.each_message(&place.id, &place.directory, take);
    read.map_err(|failure| find::gone(server, place, failure))?;
    usage.used.add(&free.priced(&Prices::new(server, &place.directory)));
    if usage.used.steps == 0 {
        usage.used = Used::nothing();
    }
    Ok(usage)
}
