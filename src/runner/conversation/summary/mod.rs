//! Where a conversation stands, with its sub-agents: `summary`.

mod member;
mod reading;
mod standing;

use super::diff::{FileDiff, Files, TodoList, todos_at};
use super::find::{self, Place, Seen, created};
use super::usage::free::Free;
use crate::client::Limit;
use crate::client::wire::Conversation;
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::prices::Prices;
use crate::runner::session::server::Server;
use crate::runner::turn::Used;
use crate::sorting;
pub use member::Member;
use reading::Reading;
pub use standing::{PendingAsk, Stand};
use standing::{Scenery, worker};

/// Where a conversation stands.
#[derive(Clone, Debug)]
pub struct Summary {
    /// `oc-…`.
    pub session: String,
    /// The session whose server works on it, if one does: this one, or another one of its
    /// directory.
    pub worker: Option<String>,
    /// What it and its sub-agents are doing together.
    pub stand: Stand,
    /// The conversation itself.
    pub root: Member,
    /// Its sub-agents, the oldest first and each before those below it.
    pub sub_agents: Vec<Member>,
    /// What the model plans to do.
    pub todo: TodoList,
    /// What all of them wait for.
    pub asks: Vec<PendingAsk>,
    /// What all of them used.
    pub used: Used,
    /// The files that turns which are over changed, sorted by path.
    pub files: Vec<FileDiff>,
}

/// Where a conversation stands: the one that is named, or else the newest root one.
pub fn summary(context: &Context, word: &str, id: Option<&str>) -> Result<Summary> {
    Server::with(context, word, |server| summary_of(context, server, id))
}

fn summary_of(context: &Context, server: &Server, id: Option<&str>) -> Result<Summary> {
    let place = find::given_or_latest(server, id)?;
    let root = find::load(server, &place.id)?;
    let mut all = vec![root];
    all.extend(below(server, &place)?);
    // First what is going on and then the messages: a turn that ends in between must not read idle
    // with an answer that is not complete.
    let scenery = Scenery::of(context, server, &place, &all)?;
    let prices = Prices::new(server, &place.directory);
    let (mut used, mut free) = (Used::default(), Free::default());
    let mut members = Vec::new();
    let mut files = Files::default();
    for conversation in all {
        let is_root = conversation.id == place.id;
        let own = Place::of(conversation.clone(), server);
        let reading = Reading::of(server, &own, created(&conversation), &mut free)?;
        used.add(&reading.used);
        if is_root {
            files.extend(reading.changes.clone());
        }
        members.push(Member::of(conversation, reading, &scenery));
    }
    used.add(&free.priced(&prices));
    if used.steps == 0 {
        used = Used::nothing();
    }
    if files.is_empty() {
        files.extend(server.client.diff(&place.id, &place.directory, None, Limit::Ordinary)?);
    }
    let root = members.remove(0);
    let (stand, worker) = match root.stand {
        _ if scenery.is_busy() => (scenery.stand(), Some(server.record.id.clone())),
        Stand::Unfinished => match worker(context, server, &place)? {
            Some(worker) => (Stand::Running, Some(worker)),
            None => (Stand::Unfinished, None),
        },
        Stand::Running => (Stand::Running, Some(server.record.id.clone())),
        other => (other, None),
    };
    let todo = todos_at(server, place)?;
    Ok(Summary {
        session: server.record.id.clone(),
        worker,
        stand,
        root,
        sub_agents: members,
        todo,
        asks: scenery.asks,
        used,
        files: files.sorted(),
    })
}

/// The sub-agents' conversations below one, the oldest first and each before those below it.
fn below(server: &Server, place: &Place) -> Result<Vec<Conversation>> {
    let mut seen = Seen::of(&place.id);
    let mut found: Vec<Conversation> = Vec::new();
    let mut next = vec![(0, place.id.clone(), None)];
    while let Some((depth, id, conversation)) = next.pop() {
        let mut children = server.client.children(&id, &place.directory, Limit::Ordinary)?;
        children.retain(|child| seen.is_new(server, child, depth + 1));
        // The oldest child comes last, because the last one is taken next.
        sorting::sort_by(&mut children, |a, b| created(b).total_cmp(&created(a)));
        next.extend(children.into_iter().map(|child| (depth + 1, child.id.clone(), Some(child))));
        found.extend(conversation);
    }
    Ok(found)
}
