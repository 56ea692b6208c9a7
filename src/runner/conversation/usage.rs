//! What a conversation and its sub-agents cost: `usage`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::find::{self, Place};
use crate::client::wire::{Conversation, Head};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::turn::Used;
use crate::units::REQUEST_LIMIT;

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

/// A conversation and all below it, itself first; with the session's id and the sum of all.
///
/// The messages are counted and not what the server says of the conversation: old servers say nothing, and
/// of a fork new ones count what was paid for in the original.
pub fn usage(
    context: &Context,
    word: &str,
    id: Option<&str>,
) -> Result<(String, Usage, Vec<Usage>)> {
    let server = Server::open(context, word)?;
    let place = find::given_or_latest(&server, id)?;
    let mut open = vec![find::load(&server, &place.id)?];
    let mut seen: BTreeSet<String> = BTreeSet::from([place.id.clone()]);
    let mut found = Vec::new();
    while let Some(one) = open.pop() {
        let place = Place::of(one.clone(), &server);
        let mut below = server.client.children(&place.id, &place.directory, REQUEST_LIMIT)?;
        // A server that sends us in circles is not followed.
        below.retain(|child| seen.insert(child.id.clone()));
        let created = |one: &Conversation| one.time.created.unwrap_or(0.0);
        // The oldest last, because the last one is taken next.
        below.sort_by(|a, b| created(b).total_cmp(&created(a)));
        open.append(&mut below);
        found.push(count(&server, &place, one)?);
    }
    Ok((server.record.id, total(place.id, &found), found))
}

fn total(id: String, all: &[Usage]) -> Usage {
    let mut total = Usage::new(id, None, None);
    for one in all {
        total.used.add(&one.used);
    }
    total
}

impl Usage {
    fn new(id: String, title: Option<String>, parent: Option<String>) -> Usage {
        Usage { id, title, parent, used: Used::default() }
    }
}

fn count(server: &Server, place: &Place, one: Conversation) -> Result<Usage> {
    let opened = one.time.created.unwrap_or(0.0);
    let mut usage = Usage::new(one.id, one.title, one.parent);
    let take = &mut |Head { info }: Head| {
        // A fork's copies keep their times: what is older than the conversation was paid for elsewhere.
        let own = info.time.created.is_none_or(|created| created >= opened);
        if info.is_answer() && own {
            usage.used.add_step(&info);
        }
        ControlFlow::Continue(())
    };
    let read = server.client.each_message(&place.id, &place.directory, take);
    read.map_err(|failure| find::gone(server, place, failure))?;
    if usage.used.steps == 0 {
        usage.used = Used::nothing();
    }
    Ok(usage)
}
