//! How far a session reaches: the directories in which its server may have something pending.

use std::collections::BTreeSet;

use crate::client::wire::{Ask, Conversation};
use crate::client::{Answer, Limit};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::conversation::find::changed;
use crate::runner::session::ghosts::live;
use crate::runner::session::life::{Life, life};
use crate::runner::session::server::Server;
use crate::sorting;
use crate::units::PROBE_LIMIT;

/// How many conversations outside the session's directory are looked at, newest first. A server on
/// a shared database lists those of every other server as well.
const LOOKS: usize = 200;

/// Which of the asks that a server lists are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that a turn waits for.
    Live,
    /// Also those of turns that were aborted.
    All,
}

impl Scope {
    /// The asks that are meant, of those that the server lists for a directory.
    pub(super) fn choose<T: Ask>(
        self,
        server: &Server,
        directory: &str,
        listed: Vec<T>,
    ) -> Answer<Vec<T>> {
        match self {
            Scope::Live => live(server, directory, listed, Limit::Ordinary),
            Scope::All => Ok(listed),
        }
    }
}

/// The session's own directory, and those of conversations that this server may still work on.
///
/// A server answers for one directory at a time, and asking about a new one makes it load that
/// directory, which costs it up to a second. So only those are named where a conversation has
/// changed since the server started and looks unfinished, and none where another session lives.
pub fn directories(context: &Context, server: &Server) -> Result<Vec<String>> {
    let mut found = vec![server.directory.clone()];
    let since = server.record.created().map_or(0, |moment| moment.as_millisecond());
    let mut conversations = server.client.changed_since(since)?;
    let elsewhere =
        |one: &Conversation| one.directory.as_ref().is_some_and(|place| *place != server.directory);
    conversations.retain(elsewhere);
    if conversations.is_empty() {
        return Ok(found);
    }
    let others = others(context, server)?;
    sorting::sort_by(&mut conversations, |a, b| changed(b).total_cmp(&changed(a)));
    let mut looks = 0;
    for one in conversations {
        let Some(place) = &one.directory else { continue };
        if looks == LOOKS || found.contains(place) || others.contains(place) {
            continue;
        }
        looks += 1;
        if unfinished(server, &one.id) {
            found.push(place.clone());
        }
    }
    Ok(found)
}

/// The directories of the other sessions that live.
fn others(context: &Context, server: &Server) -> Result<BTreeSet<String>> {
    let alive = context.store.read()?.records_where(|one| {
        one.id != server.record.id && matches!(life(context, one), Life::Alive(_))
    })?;
    Ok(sorting::set(alive.into_iter().filter_map(|one| one.workdir)))
}

/// Whether a conversation's newest message is not answered, not complete, or was aborted: the ask
/// of an aborted turn stays until it gets a reply.
fn unfinished(server: &Server, conversation: &str) -> bool {
    // Read in the server's own directory: messages are found from there, and nothing is loaded.
    let limit = Limit::Whole(PROBE_LIMIT);
    let newest = server.client.newest_message(conversation, &server.directory, limit);
    newest.ok().flatten().is_some_and(|message| {
        let info = message.info;
        let aborted = info.error.as_ref().is_some_and(|error| error.name == "MessageAbortedError");
        !info.is_answer() || info.time.completed.is_none() || aborted
    })
}
