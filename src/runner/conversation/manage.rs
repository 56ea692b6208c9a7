//! Copies and deletes conversations: `fork`, `delete`.

use std::time::Duration;

use super::beginnings::LATEST;
use super::deny_occtl::no_occtl;
use super::find::{self, Place};
use super::turns;
use super::work::{Work, find_work, reject_asks};
use crate::client::Limit;
use crate::client::wire::{Conversation, Head, OwnRules, is_busy};
use crate::error::{Error, Reason, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::units::{Deadline, REQUEST_LIMIT, TICK, pause};

/// How long an aborted turn may take to end before its conversation is deleted.
const SETTLES: Duration = Duration::from_secs(2);

/// A copy of a conversation.
#[derive(Clone, Debug)]
pub struct Forked {
    /// `oc-…`.
    pub session: String,
    /// The copy, `ses_…`.
    pub id: String,
    /// The original.
    pub parent: String,
    /// The copy's title.
    pub title: Option<String>,
}

/// Copies a conversation, up to but not including the message `before`.
pub fn fork(
    context: &Context,
    word: &str,
    id: Option<&str>,
    before: Option<&str>,
) -> Result<Forked> {
    Server::with(context, word, |server| fork_of(context, server, id, before))
}

fn fork_of(
    context: &Context,
    server: &Server,
    id: Option<&str>,
    before: Option<&str>,
) -> Result<Forked> {
    let place = find::given_or_latest(server, id)?;
    let client = &server.client;
    let directory = &place.directory;
    // The server copies everything if it does not find the message.
    let before = before.map(|word| message_named(server, &place, word)).transpose()?;
    let mut rules: OwnRules = client.conversation(&place.id, directory)?;
    let has_promises = rules.permission.iter().any(|rule| !no_occtl().contains(rule));
    let forked = client
        .fork(&place.id, directory, before.as_deref())
        .map_err(|failure| find::gone(server, &place, failure))?;
    // The server gives a fork no rules.
    if !server.record.allow_occtl_commands.unwrap_or(false) {
        let missing = no_occtl().into_iter().filter(|rule| !rules.permission.contains(rule));
        let missing: Vec<_> = missing.collect();
        rules.permission.extend(missing);
    }
    if !rules.permission.is_empty()
        && let Err(error) = keep_rules(server, &place, &forked.id, &rules)
    {
        // The rules against occtl are a precaution, and no promise to the user.
        if error.reason == Some(Reason::Unsupported) && !has_promises {
            (context.say)(&format!(
                "OpenCode {} gives a copy no rules: in {} the model is not kept from running occtl",
                version(server),
                forked.id
            ));
            return Ok(noted(context, server, place, forked));
        }
        // A copy without the rules of its original would be a way around them.
        let left = client.delete(&forked.id, directory).err();
        return Err(match left {
            None => error,
            Some(failure) => {
                error.hint(format!("the copy {} could not be deleted again: {failure}", forked.id))
            }
        });
    }
    Ok(noted(context, server, place, forked))
}

/// The result, and a note of the copy in the session's record.
fn noted(context: &Context, server: &Server, place: Place, forked: Conversation) -> Forked {
    server.note_use(context, Some(&forked.id));
    let (id, title) = (forked.id, forked.title);
    Forked { session: server.record.id.clone(), id, parent: place.id, title }
}

fn version(server: &Server) -> &str {
    server.record.opencode_version.as_deref().unwrap_or("of this server")
}

/// Gives a fork the rules of its original, and makes sure that the server has them.
fn keep_rules(server: &Server, place: &Place, fork: &str, rules: &OwnRules) -> Result<()> {
    let kept = server.client.append_rules(fork, &place.directory, rules)?;
    if kept.permission.ends_with(&rules.permission) {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "OpenCode {} cannot give a copy the rules of {}, so there is none",
        version(server),
        place.id
    ))
    .hint("OpenCode 1.14 and newer can"))
}

/// The id of the message that a word names, which the conversation really has.
fn message_named(server: &Server, place: &Place, word: &str) -> Result<String> {
    let missing = || {
        let session = &server.record.id;
        Error::not_found(format!("conversation {} has no message {word}", place.id))
            .hint(format!("occtl tail {session} -s {} -n 50 --json lists them", place.id))
    };
    let id = turns::message(server, place, word)?.ok_or_else(missing)?;
    match server.client.message::<Head>(&place.id, &place.directory, &id, Limit::Ordinary) {
        Ok(_) => Ok(id),
        Err(failure) if failure.is_missing() => Err(missing()),
        Err(failure) => Err(failure.into()),
    }
}

/// Deletes a conversation and those of its sub-agents, and returns its id. A busy one is an error,
/// unless `force` is true: then it is aborted first. One that another server works on is an error
/// in any case.
pub fn delete(context: &Context, word: &str, id: &str, force: bool) -> Result<String> {
    if id == LATEST {
        return Err(Error::usage(format!("delete always wants ids, and {LATEST} is none"))
            .hint(format!("occtl sessions {word} lists them")));
    }
    Server::with(context, word, |server| delete_of(context, server, id, force))
}

fn delete_of(context: &Context, server: &Server, id: &str, force: bool) -> Result<String> {
    let place = find::by_id(server, id)?;
    let id = place.id.clone();
    let client = &server.client;
    let directory = &place.directory;
    let below = find::descendants(server, &place)?;
    let work = find_work(context, server, &place, &below)?.work;
    check_deletable(server, &place, &work, force)?;
    if work == Work::Here {
        abort_members(server, &place, &below)?;
    }
    client.delete(&id, directory).map_err(|failure| find::gone(server, &place, failure))?;
    // The server answers `true` whatever happened, so it is asked again.
    match client.conversation::<Conversation>(&id, directory) {
        Err(failure) if failure.status() == Some(404) => Ok(id),
        Err(failure) => Err(failure.into()),
        Ok(_) => Err(Error::failed(format!("conversation {id} is still there"))),
    }
}

/// An error if a turn still works in a conversation, or an unfinished one may go on.
fn check_deletable(server: &Server, place: &Place, work: &Work, force: bool) -> Result<()> {
    let (session, id) = (&server.record.id, &place.id);
    match work {
        Work::Here if !force => Err(Error::busy(format!("conversation {id} is busy"))
            .hint("--force aborts its turn and deletes it")),
        // It would go on in a conversation that is gone, and only its own server can abort it.
        Work::There(other) => Err(Error::busy(format!(
            "conversation {id} was not deleted: its turn runs on session {other}, not on {session}"
        ))
        .hint(format!("occtl delete --force {other} {id} aborts the turn and deletes it"))),
        Work::Unfinished if !force => Err(Error::busy(format!(
            "conversation {id} was not deleted: its newest answer is not complete, and the server \
             of {session} does not work on it; another server does, or its server ended"
        ))
        .hint("--force deletes it all the same")),
        _ => Ok(()),
    }
}

/// Aborts the turns of a conversation and of its sub-agents, and gives them time to end.
fn abort_members(server: &Server, place: &Place, below: &[String]) -> Result<()> {
    let client = &server.client;
    let directory = &place.directory;
    let mut members: Vec<&str> = below.iter().map(String::as_str).collect();
    members.push(&place.id);
    for member in &members {
        client.abort(member, directory, REQUEST_LIMIT)?;
    }
    let settled = Deadline::after(SETTLES);
    loop {
        let activities = client.activities(directory, REQUEST_LIMIT)?;
        if settled.expired() || !members.iter().any(|id| is_busy(&activities, id)) {
            break;
        }
        pause(TICK);
    }
    // The server would list them for ever, and the conversation that is gone as busy.
    reject_asks(server, place, &members, &[]);
    Ok(())
}
