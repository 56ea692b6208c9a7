//! Pending permission requests: find them, wherever they are, and reply.

use super::ids::{Found, unique};
use super::reach::{Scope, directories};
use crate::client::Limit;
use crate::client::wire::Reply;
use crate::client::{Answer, Failure};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::labels::all_ids;
use crate::runner::session::pending::{Pending, Scene, cannot_list, unlistable};
use crate::runner::session::probe::silences;
use crate::runner::session::server::Server;
use crate::sorting;

/// A permission request that waits for a reply.
#[derive(Clone, Debug)]
pub struct PendingPermission {
    /// `per_…`.
    pub id: String,
    /// The conversation whose tool wants it; perhaps a sub-agent's. `None` if the server could not
    /// list the request.
    pub conversation: Option<String>,
    /// The conversation's directory.
    pub directory: String,
    /// For example `bash`.
    pub permission: String,
    /// What it wants to do.
    pub patterns: Vec<String>,
}

/// The pending requests of one session, and why there are none to be had.
#[derive(Debug)]
pub struct SessionPermissions {
    /// `oc-…`.
    pub session: String,
    /// Its requests, or why the server did not tell.
    pub permissions: Result<Vec<PendingPermission>>,
}

/// The pending requests of one session.
pub fn permissions(context: &Context, session: &str) -> Result<SessionPermissions> {
    let server = Server::open(context, session)?;
    let permissions = Ok(pending(context, &server, Scope::Live)?.asks);
    Ok(SessionPermissions { session: server.record.id, permissions })
}

/// The pending requests of every session that lives, in the order of the store.
pub fn all_permissions(context: &Context) -> Result<Vec<SessionPermissions>> {
    let ids = all_ids(context, &Default::default())?;
    let servers: Vec<Server> = ids.iter().filter_map(|id| Server::open(context, id).ok()).collect();
    // All together first: each one that hangs would take the time of those that do not.
    let silences = silences(&servers, context.deadline());
    let rows = servers.iter().zip(silences).map(|(server, silence)| SessionPermissions {
        session: server.record.id.clone(),
        permissions: match silence {
            Some(failure) => Err(server.explain(context, failure)),
            None => pending(context, server, Scope::Live).map(|found| found.asks),
        },
    });
    Ok(rows.collect())
}

/// What is pending in some directories.
#[derive(Default)]
struct Known {
    asks: Vec<PendingPermission>,
    /// The directories of which the server cannot list the requests.
    unlisted: Vec<String>,
    /// Whether something may be pending there of which no id was found.
    unknown: bool,
}

/// The pending requests. The user is told if there may be others; if none is known then, that is an
/// error.
fn pending(context: &Context, server: &Server, scope: Scope) -> Result<Known> {
    let found = look(context, server, scope)?;
    if found.unknown && found.asks.is_empty() {
        return Err(unlistable(server));
    }
    if !found.unlisted.is_empty() && scope == Scope::Live {
        let why = cannot_list(server);
        (context.say)(&format!("{why}: these are from its log, and there may be others"));
    }
    Ok(found)
}

fn look(context: &Context, server: &Server, scope: Scope) -> Result<Known> {
    let ask = || list(server, &directories(context, server)?, scope);
    ask().map_err(|error| server.explain(context, error))
}

fn list(server: &Server, directories: &[String], scope: Scope) -> Result<Known> {
    let mut found = Known::default();
    for directory in directories {
        let listed = match Scene::of(server, directory, Limit::Ordinary).permissions() {
            Err(failure) if failure.hides_asks() => {
                found.unknown = true;
                Pending::default()
            }
            listed => listed?,
        };
        if !listed.complete {
            found.unlisted.push(directory.clone());
        }
        for one in scope.choose(server, directory, listed.asks)? {
            found.asks.push(PendingPermission {
                id: one.id,
                conversation: Some(one.conversation),
                directory: directory.clone(),
                permission: one.permission,
                patterns: one.patterns,
            });
        }
    }
    Ok(found)
}

/// What became of the requests that were replied to.
#[derive(Debug)]
pub struct Replied {
    /// `oc-…`.
    pub session: String,
    /// The requests that are settled now.
    pub done: Vec<PendingPermission>,
    /// Trouble with the others, in the order in which they were named.
    pub trouble: Vec<Error>,
}

/// Replies to the requests named, or to all. A reply that fails does not keep the others from being
/// sent.
///
/// The server's own word is not enough, as old ones say `true` to anything: what counts is that the
/// request was in the list before and is not afterwards. Versions that cannot always list them say
/// 404 of what is not pending, so there their word is enough.
pub fn reply(
    context: &Context,
    session: &str,
    ids: Option<&[String]>,
    reply: &Reply,
) -> Result<Replied> {
    let server = Server::open(context, session)?;
    let id = server.record.id.clone();
    // One that is left out of lists can still be named.
    let known = match ids {
        Some(_) => look(context, &server, Scope::All)?,
        None => pending(context, &server, Scope::Live)?,
    };
    let mut replied = Replied { session: id.clone(), done: Vec::new(), trouble: Vec::new() };
    let mut meant: Vec<PendingPermission> = Vec::new();
    match ids {
        None => meant = known.asks,
        Some(ids) => {
            for word in ids {
                match find(&known, word, &id) {
                    Ok(one) if meant.iter().any(|other| other.id == one.id) => {}
                    Ok(one) => meant.push(one),
                    Err(error) => replied.trouble.push(error),
                }
            }
        }
    }
    if meant.is_empty() {
        return Ok(replied);
    }
    let mut sent: Vec<PendingPermission> = Vec::new();
    for mut one in meant {
        match send(&server, &mut one, &known.unlisted, reply) {
            Ok(()) => sent.push(one),
            Err(failure) if one.conversation.is_none() && failure.status() == Some(404) => {
                replied.trouble.push(none_such(&one.id, &id));
            }
            // It was pending a moment ago, so it has been settled in between.
            Err(failure) if failure.status() == Some(404) => {
                if is_settled_by(&sent, reply, &one) {
                    sent.push(one);
                } else {
                    let message = format!("permission {} was answered by another client", one.id);
                    replied.trouble.push(Error::not_found(message));
                }
            }
            Err(failure) => {
                let error = Error::from(failure);
                replied.trouble.push(server.explain(context, error));
            }
        }
    }
    server.note_use(context, None);
    verify(context, &server, sent, &mut replied)?;
    Ok(replied)
}

/// Replies to a request. One that the server could not list is looked for in each of those
/// directories.
fn send(
    server: &Server,
    one: &mut PendingPermission,
    unlisted: &[String],
    reply: &Reply,
) -> Answer<()> {
    let try_it = |directory: &str| server.client.reply_permission(&one.id, directory, reply);
    if one.conversation.is_some() {
        return try_it(&one.directory);
    }
    let mut answer = Ok(());
    for directory in unlisted {
        answer = try_it(directory);
        if !answer.as_ref().is_err_and(Failure::is_missing) {
            one.directory = directory.clone();
            break;
        }
    }
    answer
}

/// Whether replies that were sent before have settled a request as well: a rejection settles all of
/// its conversation, and `always` those of its directory that it covers.
fn is_settled_by(sent: &[PendingPermission], reply: &Reply, one: &PendingPermission) -> bool {
    one.conversation.is_some()
        && sent.iter().any(|other| match reply {
            Reply::Once => false,
            Reply::Always => other.directory == one.directory && other.permission == one.permission,
            Reply::Reject(_) => other.conversation == one.conversation,
        })
}

fn verify(
    context: &Context,
    server: &Server,
    sent: Vec<PendingPermission>,
    replied: &mut Replied,
) -> Result<()> {
    let mut places: Vec<String> = sent.iter().map(|one| one.directory.clone()).collect();
    sorting::sort(&mut places);
    places.dedup();
    let left = match list(server, &places, Scope::All) {
        Ok(left) => left,
        Err(error) => return Err(server.explain(context, error)),
    };
    for one in sent {
        let is_listed = !left.unlisted.contains(&one.directory);
        if is_listed && left.asks.iter().any(|other| other.id == one.id) {
            let message = format!("the server took the reply to {} and still lists it", one.id);
            replied.trouble.push(Error::failed(message));
        } else {
            replied.done.push(one);
        }
    }
    Ok(())
}

/// The request that a word means. A whole id may be one that the server cannot list.
fn find(known: &Known, word: &str, session: &str) -> Result<PendingPermission> {
    match unique(known.asks.iter().map(|one| one.id.as_str()), word, "per_") {
        Found::One(index) => Ok(known.asks[index].clone()),
        Found::Many(candidates) => Err(Error::new(
            Code::NotFound,
            format!("more than one pending permission begins with {word}"),
        )
        .hint(candidates.join(", "))),
        Found::None if !known.unlisted.is_empty() && is_whole(word) => Ok(PendingPermission {
            id: word.into(),
            conversation: None,
            directory: known.unlisted[0].clone(),
            permission: String::new(),
            patterns: Vec::new(),
        }),
        Found::None => Err(none_such(word, session)),
    }
}

/// How many characters an id of a request has.
const ID_LENGTH: usize = 30;

fn is_whole(word: &str) -> bool {
    word.len() == ID_LENGTH && word.starts_with("per_")
}

fn none_such(word: &str, session: &str) -> Error {
    Error::not_found(format!("session {session} has no pending permission {word}"))
        .hint(format!("occtl permissions {session} shows what is pending"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(conversation: &str, directory: &str, permission: &str) -> PendingPermission {
        PendingPermission {
            id: format!("per_{conversation}"),
            conversation: Some(conversation.into()),
            directory: directory.into(),
            permission: permission.into(),
            patterns: Vec::new(),
        }
    }

    #[test]
    fn a_request_that_is_gone_is_only_settled_by_a_reply_that_can_have_reached_it() {
        let sent = [request("ses_1", "/a", "bash")];
        let settled = |reply: &Reply, conversation: &str, directory: &str, permission: &str| {
            is_settled_by(&sent, reply, &request(conversation, directory, permission))
        };
        let reject = Reply::Reject(None);
        assert!(settled(&reject, "ses_1", "/a", "edit"), "a rejection ends its conversation");
        assert!(!settled(&reject, "ses_2", "/a", "bash"));
        assert!(settled(&Reply::Always, "ses_2", "/a", "bash"));
        assert!(!settled(&Reply::Always, "ses_2", "/b", "bash"));
        assert!(!settled(&Reply::Always, "ses_1", "/a", "edit"));
        assert!(!settled(&Reply::Once, "ses_1", "/a", "bash"));
        for reply in [reject, Reply::Always, Reply::Once] {
            assert!(!is_settled_by(&[], &reply, &sent[0]), "nothing was sent before");
        }
    }
}
