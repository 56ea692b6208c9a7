//! Pending permission requests: find them, wherever they are, and reply.

use super::ids::{Found, unique};
use super::reach::{Scope, directories};
use crate::client::wire::Reply;
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::labels::all_ids;
use crate::runner::session::server::Server;
use crate::units::REQUEST_LIMIT;

/// A permission request that waits for a reply.
#[derive(Clone, Debug)]
pub struct PendingPermission {
    /// `per_…`.
    pub id: String,
    /// The conversation whose tool wants it; perhaps a sub-agent's.
    pub conversation: String,
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
    let permissions = Ok(pending(context, &server, Scope::Live)?);
    Ok(SessionPermissions { session: server.record.id, permissions })
}

/// The pending requests of every session that lives, in the order of the store.
pub fn all_permissions(context: &Context) -> Result<Vec<SessionPermissions>> {
    let mut all = Vec::new();
    for id in all_ids(context, &Default::default())? {
        let Ok(server) = Server::open(context, &id) else { continue };
        all.push(SessionPermissions {
            session: id,
            permissions: pending(context, &server, Scope::Live),
        });
    }
    Ok(all)
}

fn pending(context: &Context, server: &Server, scope: Scope) -> Result<Vec<PendingPermission>> {
    let ask = || list(server, &directories(context, server)?, scope);
    ask().map_err(|error| server.explain(context, error))
}

fn list(server: &Server, directories: &[String], scope: Scope) -> Result<Vec<PendingPermission>> {
    let mut found: Vec<PendingPermission> = Vec::new();
    for directory in directories {
        let listed = server.client.permissions(directory, REQUEST_LIMIT)?;
        for one in scope.choose(server, directory, listed)? {
            found.push(PendingPermission {
                id: one.id,
                conversation: one.conversation,
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
/// request was in the list before and is not afterwards.
pub fn reply(
    context: &Context,
    session: &str,
    ids: Option<&[String]>,
    reply: &Reply,
) -> Result<Replied> {
    let server = Server::open(context, session)?;
    let id = server.record.id.clone();
    // One that is left out of lists can still be named.
    let scope = if ids.is_some() { Scope::All } else { Scope::Live };
    let pending = pending(context, &server, scope)?;
    let mut replied = Replied { session: id.clone(), done: Vec::new(), trouble: Vec::new() };
    let mut meant: Vec<PendingPermission> = Vec::new();
    match ids {
        None => meant = pending,
        Some(ids) => {
            for word in ids {
                match find(&pending, word, &id) {
                    Ok(one) if meant.iter().any(|other| other.id == one.id) => {}
                    Ok(one) => meant.push(one.clone()),
                    Err(error) => replied.trouble.push(error),
                }
            }
        }
    }
    if meant.is_empty() {
        return Ok(replied);
    }
    let mut sent: Vec<PendingPermission> = Vec::new();
    for one in meant {
        let answer = server.client.reply_permission(&one.id, &one.directory, reply);
        match answer {
            Ok(()) => sent.push(one),
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

/// Whether replies that were sent before have settled a request as well: a rejection settles all of
/// its conversation, and `always` those of its directory that it covers.
fn is_settled_by(sent: &[PendingPermission], reply: &Reply, one: &PendingPermission) -> bool {
    sent.iter().any(|other| match reply {
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
    places.sort();
    places.dedup();
    let left = match list(server, &places, Scope::All) {
        Ok(left) => left,
        Err(error) => return Err(server.explain(context, error)),
    };
    for one in sent {
        if left.iter().any(|other| other.id == one.id) {
            let message = format!("the server took the reply to {} and still lists it", one.id);
            replied.trouble.push(Error::failed(message));
        } else {
            replied.done.push(one);
        }
    }
    Ok(())
}

fn find<'a>(
    pending: &'a [PendingPermission],
    word: &str,
    session: &str,
) -> Result<&'a PendingPermission> {
    let index = unique(pending.iter().map(|one| one.id.as_str()), word, "per_");
    match index {
        Found::One(index) => Ok(&pending[index]),
        Found::Many(candidates) => Err(Error::new(
            Code::NotFound,
            format!("more than one pending permission begins with {word}"),
        )
        .hint(candidates.join(", "))),
        Found::None => {
            Err(Error::not_found(format!("session {session} has no pending permission {word}"))
                .hint(format!("occtl permissions {session} shows {}", pending.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(conversation: &str, directory: &str, permission: &str) -> PendingPermission {
        PendingPermission {
            id: format!("per_{conversation}"),
            conversation: conversation.into(),
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
