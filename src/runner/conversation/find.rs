//! Finds the conversation that a command means.

use std::collections::BTreeSet;

use super::beginnings::{Beginning, LATEST, Meaning, ambiguous};
use crate::client::wire::Conversation;
use crate::client::{Answer, Failure, Limit};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::session::version::Version;
use crate::sorting;

/// Where a prompt goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into a new conversation, perhaps with a title.
    New(Option<String>),
    /// Into the one that occtl opened or used last on the session.
    LastUsed,
    /// Into that one, or else into the newest root conversation.
    LastUsedOrNewest,
    /// Into the one that this word names.
    Given(String),
}

/// A conversation and the directory that every request about it names.
#[derive(Clone, Debug)]
pub struct Place {
    /// `ses_…`.
    pub id: String,
    /// Its own directory, which need not be the server's.
    pub directory: String,
    /// The agent that `new` gave it, for prompts that name none.
    pub agent: Option<String>,
}

impl Place {
    /// Where a conversation is.
    pub fn of(found: Conversation, server: &Server) -> Place {
        let directory = found.directory.unwrap_or_else(|| server.directory.clone());
        let agent = found.metadata.agent().map(String::from);
        Place { id: found.id, directory, agent }
    }

    /// Where another conversation of the same directory is.
    pub fn beside(&self, id: String) -> Place {
        Place { id, directory: self.directory.clone(), agent: None }
    }
}

/// What ids of conversations begin with.
pub const CONVERSATION: &str = "ses_";

/// How deep sub-agents can be below a conversation: far deeper than any model lets them work.
const DEEPEST: usize = 100;

/// How many sub-agents a conversation can have.
const MOST_BELOW: usize = 10_000;

/// How many conversations are looked at first. Versions before 1.2 sort them by creation, so if
/// there are more than that, the last changed one may be anywhere.
const FIRST_LOOK: usize = 100;

/// The first version that lists the conversations that were changed last first.
const SORTED_BY_CHANGE: Version = Version::new(1, 2);

/// The newest root conversation of a session, which is never a sub-agent's.
pub fn latest_root(server: &Server) -> Result<Place> {
    latest(server).map(|found| Place::of(found, server))
}

fn latest(server: &Server) -> Result<Conversation> {
    let mut newest = newest_root(server, &server.directory, Some(FIRST_LOOK))?;
    let version = server.record.opencode_version.as_deref().and_then(Version::parse);
    let sorted = version.is_some_and(|version| version >= SORTED_BY_CHANGE);
    // Some versions count the conversations of sub-agents too.
    if newest.seen >= FIRST_LOOK && !(sorted && newest.conversation.is_some()) {
        newest = newest_root(server, &server.directory, None)?;
    }
    newest.conversation.ok_or_else(|| {
        let id = &server.record.id;
        Error::not_found(format!("session {id} has no conversation yet"))
            .hint(format!("occtl send {id} MESSAGE opens one"))
    })
}

/// What a look for the newest root conversation found.
#[derive(Debug, Default)]
pub struct Newest {
    /// The root conversation that was changed last.
    pub conversation: Option<Conversation>,
    /// How many conversations were looked at.
    pub seen: usize,
}

/// The root conversation of a directory that was changed last, among at most `limit` of them.
pub fn newest_root(server: &Server, directory: &str, limit: Option<usize>) -> Answer<Newest> {
    let mut newest = Newest::default();
    server.client.each_root(directory, limit, &mut |found| {
        newest.seen += 1;
        let last_change = newest.conversation.as_ref().map(changed);
        if found.parent.is_none() && last_change.is_none_or(|last| last < changed(&found)) {
            newest.conversation = Some(found);
        }
    })?;
    Ok(newest)
}

/// When a conversation was last changed, for sorting.
pub fn changed(conversation: &Conversation) -> f64 {
    conversation.time.updated.or(conversation.time.created).unwrap_or(0.0)
}

/// When a conversation was opened, for sorting.
pub fn created(conversation: &Conversation) -> f64 {
    conversation.time.created.unwrap_or(0.0)
}

/// The conversation that is named, or else the newest root one.
pub fn given_or_latest(server: &Server, word: Option<&str>) -> Result<Place> {
    given_or_newest(server, word).map(|found| Place::of(found, server))
}

/// The same with all that is known of it.
pub fn given_or_newest(server: &Server, word: Option<&str>) -> Result<Conversation> {
    word.map_or_else(|| latest(server), |word| load(server, word))
}

/// The conversations above a sub-agent's, the topmost first. The chain ends at one that was
/// deleted.
pub fn ancestors(server: &Server, place: &Place) -> Result<Vec<Conversation>> {
    let mut chain: Vec<Conversation> = Vec::new();
    let mut above = load(server, &place.id)?.parent;
    while let Some(id) = above {
        let is_known = id == place.id || chain.iter().any(|known| known.id == id);
        if is_known || chain.len() == DEEPEST {
            server.warn_of_relatives(&place.id);
            break;
        }
        let found = match server.client.conversation::<Conversation>(&id, &place.directory) {
            Ok(found) => found,
            Err(failure) if failure.is_missing() => break,
            Err(failure) => return Err(failure.into()),
        };
        above = found.parent.clone();
        chain.push(found);
    }
    chain.reverse();
    Ok(chain)
}

/// The error for a failed request about a conversation that was there before.
pub fn gone(server: &Server, place: &Place, failure: Failure) -> Error {
    match failure.status() {
        Some(404) => deleted(server, place),
        _ => failure.into(),
    }
}

/// The error for a conversation that was deleted while the command ran.
pub fn deleted(server: &Server, place: &Place) -> Error {
    Error::not_found(format!("conversation {} was deleted meanwhile", place.id))
        .hint(format!("occtl sessions {} lists the others", server.record.id))
}

/// The error for a turn that the conversation does not have.
pub fn no_turn(server: &Server, place: &Place, turn: &str) -> Error {
    let session = &server.record.id;
    Error::not_found(format!("conversation {} has no turn {turn}", place.id))
        .hint(format!("occtl tail {session} -s {} --role user --json lists them", place.id))
}

/// The conversation that a word names; see [`load`].
pub fn by_id(server: &Server, word: &str) -> Result<Place> {
    load(server, word).map(|found| Place::of(found, server))
}

/// All that is known of the conversation that a word names: `latest` for the newest root one, the
/// beginning of an id in the session's directory if no other id begins so, or a whole id, which may
/// be that of another directory.
pub fn load(server: &Server, word: &str) -> Result<Conversation> {
    if word == LATEST {
        return latest(server);
    }
    if let Some(mut search) = Beginning::of(word, CONVERSATION) {
        let mut last = None;
        server.client.each_conversation(&server.directory, &mut |found| {
            if search.look_at(&found.id) {
                last = Some(found);
            }
        })?;
        match (search.meaning(), last) {
            (Meaning::One(_), Some(found)) => return Ok(found),
            (Meaning::Several(candidates), _) => {
                return Err(ambiguous("conversation", word, &candidates));
            }
            _ => {}
        }
    }
    if !word.starts_with(CONVERSATION) {
        return Err(missing(server, word));
    }
    match server.client.conversation(word, &server.directory) {
        Ok(found) => Ok(found),
        Err(failure) if failure.is_missing() => Err(missing(server, word)),
        Err(failure) => Err(failure.into()),
    }
}

/// The error for a word that names no conversation.
fn missing(server: &Server, word: &str) -> Error {
    let session = &server.record.id;
    let error = Error::not_found(format!("session {session} has no conversation {word}"));
    match word.split('_').next() {
        Some("msg") => error.hint("that is a turn; a conversation is named ses_…"),
        _ => error.hint(format!("occtl sessions {session} lists them")),
    }
}

/// The sub-agents' conversations below one, at every depth.
pub fn descendants(server: &Server, place: &Place) -> Result<Vec<String>> {
    Ok(descendants_within(server, place, Limit::Ordinary)?)
}

/// The same with a limit for each request.
pub fn descendants_within(server: &Server, place: &Place, limit: Limit) -> Answer<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = Seen::of(&place.id);
    let mut next = vec![(0, place.id.clone())];
    while let Some((depth, parent)) = next.pop() {
        for child in server.client.children(&parent, &place.directory, limit)? {
            if seen.is_new(server, &child, depth + 1) {
                next.push((depth + 1, child.id.clone()));
                found.push(child.id);
            }
        }
    }
    Ok(found)
}

/// The conversations that were found below one. A server that lists them in circles or without end
/// must not keep us there.
pub struct Seen {
    ids: BTreeSet<String>,
    root: String,
    /// Whether there were more than a conversation can have.
    pub is_without_end: bool,
}

impl Seen {
    /// Nothing is known yet but the conversation itself.
    pub fn of(root: &str) -> Seen {
        Seen { ids: sorting::set([root.into()]), root: root.into(), is_without_end: false }
    }

    /// Whether a conversation, so many levels below the root, is to be looked at. The user is told
    /// of one that cannot be.
    pub fn is_new(&mut self, server: &Server, child: &Conversation, depth: usize) -> bool {
        self.is_without_end |= depth > DEEPEST || self.ids.len() > MOST_BELOW;
        let is_new = !self.is_without_end && self.ids.insert(child.id.clone());
        if !is_new {
            server.warn_of_relatives(&self.root);
        }
        is_new
    }
}

/// The conversation that is meant, which is there already.
pub fn target_place(context: &Context, server: &Server, target: &Target) -> Result<Place> {
    match target {
        Target::Given(id) => by_id(server, id),
        Target::New(_) => latest_root(server),
        Target::LastUsed => last_used(context, server)?.ok_or_else(|| none_used(server)),
        Target::LastUsedOrNewest => {
            last_used(context, server)?.map_or_else(|| latest_root(server), Ok)
        }
    }
}

/// The conversation that occtl opened or used last on this session; `None` if there is none, or
/// none any more. The user is told of a newer one in the session's directory: servers of one
/// directory share their conversations.
pub fn last_used(context: &Context, server: &Server) -> Result<Option<Place>> {
    let Some(id) = &server.record.conversation else { return Ok(None) };
    let used: Conversation = match server.client.conversation(id, &server.directory) {
        Ok(found) => found,
        Err(failure) if failure.is_missing() => return Ok(None),
        Err(failure) => return Err(failure.into()),
    };
    // This is only a hint, so a failure is no reason to stop.
    let newest = newest_root(server, &server.directory, Some(FIRST_LOOK)).unwrap_or_default();
    let newer = newest.conversation.filter(|newest| changed(newest) > changed(&used));
    if let Some(newer) = newer.filter(|newer| newer.id != used.id) {
        (context.say)(&format!(
            "{} is the conversation that occtl used last on {}; {} in the same directory was \
             changed later (-s names one)",
            used.id, server.record.id, newer.id
        ));
    }
    Ok(Some(Place::of(used, server)))
}

/// The error where no conversation can be meant but one that occtl used.
fn none_used(server: &Server) -> Error {
    let session = &server.record.id;
    let error = Error::not_found(match &server.record.conversation {
        Some(id) => format!("conversation {id}, which occtl used last on {session}, is gone"),
        None => format!("occtl has not used any conversation of session {session} yet"),
    });
    error.hint(format!("-s names one; occtl sessions {session} lists them"))
}
