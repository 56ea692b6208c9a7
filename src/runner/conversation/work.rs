//! Finds out who works on a conversation. Servers on one database share their conversations, and
//! each knows only of the turns that it runs itself.

use std::collections::BTreeSet;
use std::time::Duration;

use super::find::{Place, descendants, gone};
use crate::client::wire::{Info, Reply, is_busy};
use crate::client::{Answer, Cause, Client, Failure, Limit};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::directory::directory;
use crate::runner::session::life::{Life, life};
use crate::runner::session::pending::Scene;
use crate::runner::session::server::{Server, endpoint};
use crate::sorting;
use crate::units::{Backoff, Deadline, POLL_FIRST, PROBE_LIMIT, TICK, pause};

/// How long after a prompt the server may still be about to begin: a cold directory takes 1.5 s.
pub const BEGINS_WITHIN: Duration = Duration::from_secs(2);

/// How long a line of the server's log may come after the call that it is about has begun, on a
/// busy machine.
const LOG_LAG: Duration = Duration::from_secs(1);

/// What goes on in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The session's own server works on it.
    Here,
    /// The server of this other session works on it.
    There(String),
    /// The newest answer is not complete, and no server that is known works on it: one that occtl
    /// does not know does, or its server ended in the middle.
    Unfinished,
    /// Nothing goes on, and the newest prompt has no answer yet, or there is no prompt: a server
    /// that accepted one a moment ago may be about to begin.
    MayBegin,
    /// Nothing goes on.
    Idle,
}

/// What one look at a conversation showed.
#[derive(Debug)]
pub struct Seen {
    /// What goes on.
    pub work: Work,
    /// The newest message, if it had to be read and could be.
    pub newest: Option<Info>,
}

/// Looks once what goes on in a conversation and below it.
pub fn look_at_work(
    context: &Context,
    server: &Server,
    place: &Place,
    below: &[String],
) -> Answer<Seen> {
    let (client, directory) = (&server.client, &place.directory);
    let works = || -> Answer<bool> {
        let activities = client.activities(directory, Limit::Ordinary)?;
        Ok(is_busy(&activities, &place.id) || below.iter().any(|id| is_busy(&activities, id)))
    };
    let seen = |work, newest| Ok(Seen { work, newest });
    if works()? {
        return seen(Work::Here, None);
    }
    let newest = match client.newest_message(&place.id, directory, Limit::Ordinary) {
        // Only a prompt cannot be read.
        Err(failure) if failure.is_unreadable() => None,
        newest => newest?,
    };
    let newest = newest.map(|message| message.info);
    match &newest {
        Some(info) if is_open(info) => {}
        Some(info) if info.is_answer() => return seen(Work::Idle, newest),
        _ => return seen(Work::MayBegin, newest),
    }
    // A turn that began between the two requests is busy now.
    if works()? {
        return seen(Work::Here, newest);
    }
    if has_asked_here(server, place)? {
        return seen(Work::Idle, newest);
    }
    let other = other_worker(context, server, place);
    seen(other.map_or(Work::Unfinished, Work::There), newest)
}

/// The same, but a prompt that was accepted a moment ago is given time to begin. The result is
/// never [`Work::MayBegin`].
pub fn find_work(
    context: &Context,
    server: &Server,
    place: &Place,
    below: &[String],
) -> Answer<Seen> {
    let begins = server.client.deadline().or_after(BEGINS_WITHIN);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(250));
    loop {
        let seen = look_at_work(context, server, place, below)?;
        match seen.work {
            Work::MayBegin if begins.expired() => return Ok(Seen { work: Work::Idle, ..seen }),
            Work::MayBegin => pause(begins.remaining(pauses.next())),
            _ => return Ok(seen),
        }
    }
}

/// The newest message of a conversation; `None` if the server does not tell.
pub fn newest_message(server: &Server, place: &Place) -> Option<Info> {
    let limit = Limit::Ordinary;
    let newest = server.client.newest_message(&place.id, &place.directory, limit);
    newest.ok().flatten().map(|message| message.info)
}

/// Whether an answer is neither complete nor failed.
fn is_open(info: &Info) -> bool {
    info.is_answer() && info.time.completed.is_none() && info.error.is_none()
}

/// Whether the conversation asked for something on this server. Versions before 1.14 leave the
/// answer of an aborted turn open until its ask gets a reply.
fn has_asked_here(server: &Server, place: &Place) -> Answer<bool> {
    let (client, directory) = (&server.client, &place.directory);
    let mut asked: BTreeSet<String> = BTreeSet::new();
    match client.permissions(directory, Limit::Ordinary) {
        Ok(asks) => asked.extend(asks.into_iter().map(|ask| ask.conversation)),
        // Versions that cannot list them complete the answer.
        Err(failure) if failure.hides_asks() => {}
        Err(failure) => return Err(failure),
    }
    asked.extend(client.questions(directory, Limit::Ordinary)?.into_iter().map(|a| a.conversation));
    Ok(asked.contains(&place.id))
}

/// The other session whose server works on a conversation. Only those of the same directory are
/// asked, because another server would have to load it first.
fn other_worker(context: &Context, server: &Server, place: &Place) -> Option<String> {
    let document = context.store.read().ok()?;
    let mut others = document.records().flatten().filter(|one| one.id != server.record.id);
    others.find_map(|record| {
        let life = life(context, &record);
        let lives = matches!(life, Life::Alive(_) | Life::Adopted);
        if !lives || directory(&record, life.server()) != place.directory {
            return None;
        }
        let client = Client::new(endpoint(&record, life.server(), Deadline::after(PROBE_LIMIT)));
        let activities = client.activities(&place.directory, PROBE_LIMIT).ok()?;
        is_busy(&activities, &place.id).then_some(record.id)
    })
}

/// Rejects what conversations asked for, once their turns have been aborted: servers list such asks
/// until they get a reply. A reply that fails changes nothing, because the asks have no effect any
/// more; `known` are ids that the server may not list.
///
/// To be called at once after the abort: a rejection also settles what a newer turn of the same
/// conversation asks for.
pub fn reject_asks(server: &Server, place: &Place, members: &[&str], known: &[String]) {
    let (client, directory) = (&server.client, &place.directory);
    let ours = |conversation: &String| members.contains(&conversation.as_str());
    let reject = |id: &str| {
        let _ = client.reply_permission(id, directory, &Reply::Reject(None));
    };
    let known = known.iter().filter(|id| id.starts_with("per_"));
    let mut rejected = sorting::set(known.cloned());
    rejected.iter().for_each(|id| reject(id));
    let patience = Deadline::after(LOG_LAG);
    loop {
        let (listed, is_hidden) = match client.permissions(directory, PROBE_LIMIT) {
            Err(failure) if failure.hides_asks() => {
                (Scene::of(server, directory, PROBE_LIMIT).left_behind(members), true)
            }
            listed => (listed.unwrap_or_default(), false),
        };
        for ask in listed.into_iter().filter(|ask| ours(&ask.conversation)) {
            if !rejected.contains(&ask.id) {
                reject(&ask.id);
                rejected.insert(ask.id);
            }
        }
        // A list that is still hidden may hide a request that the log does not have yet.
        if !is_hidden || patience.expired() {
            break;
        }
        pause(TICK);
    }
    let listed = client.questions(directory, PROBE_LIMIT).unwrap_or_default();
    for ask in listed.into_iter().filter(|ask| ours(&ask.conversation)) {
        let _ = client.reject_question(&ask.id, directory);
    }
}

/// An error if something goes on in a conversation or below it; `done` says what was not done to
/// it. What a server left unfinished when it ended is no obstacle.
pub fn refuse_work(context: &Context, server: &Server, place: &Place, done: &str) -> Result<()> {
    let below = descendants(server, place)?;
    let seen = find_work(context, server, place, &below);
    let on = match seen.map_err(|failure| gone(server, place, failure))?.work {
        Work::Here => &server.record.id,
        Work::There(ref other) => &other.clone(),
        Work::Unfinished | Work::MayBegin | Work::Idle => return Ok(()),
    };
    let id = &place.id;
    Err(Error::busy(format!("conversation {id} is busy on session {on} and was not {done}"))
        .hint(format!("occtl wait {on} -s {id} waits for its end; occtl abort {on} -s {id}")))
}

/// The error for a request that changes a conversation. `what` is what a server that does not know
/// the request cannot do.
pub fn refused(server: &Server, place: &Place, failure: Failure, what: &str) -> Error {
    match failure.cause {
        Cause::Status(409, _) => {
            Error::busy(format!("conversation {} is busy, and nothing was done", place.id))
                .hint(format!("occtl wait {} -s {} waits", server.record.id, place.id))
        }
        Cause::Alien(_) => {
            let version = server.record.opencode_version.as_deref();
            let version = version.unwrap_or("of an unknown version");
            Error::unsupported(format!("OpenCode {version} cannot {what}"))
        }
        _ => gone(server, place, failure),
    }
}
