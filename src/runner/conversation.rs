//! Finds and opens conversations.

use std::time::Duration;

use super::server::Server;
use crate::client::Failure;
use crate::client::wire::{Conversation, NewConversation, Rule};
use crate::error::{Error, Result};
use crate::units::REQUEST_LIMIT;

/// A conversation and the directory that every call about it carries.
#[derive(Clone, Debug)]
pub struct Place {
    /// `ses_…`.
    pub id: String,
    /// Its own directory, which need not be the server's.
    pub directory: String,
}

impl Place {
    fn of(found: Conversation, server: &Server) -> Place {
        let directory = found.directory.unwrap_or_else(|| server.directory.clone());
        Place { id: found.id, directory }
    }
}

/// The newest root conversation of a session, which is never a sub-agent's.
pub fn latest_root(server: &Server) -> Result<Place> {
    let newest = server.client.roots(&server.directory, 100)?.into_iter().next();
    newest.map(|found| Place::of(found, server)).ok_or_else(|| {
        let id = &server.record.id;
        Error::not_found(format!("session {id} has no conversation yet"))
            .hint(format!("occtl send {id} MESSAGE opens one"))
    })
}

/// A conversation by its id.
pub fn find(server: &Server, id: &str) -> Result<Place> {
    let missing = || {
        let session = &server.record.id;
        Error::not_found(format!("session {session} has no conversation {id}"))
            .hint(format!("occtl sessions {session} lists them"))
    };
    if !id.starts_with("ses_") {
        return Err(missing());
    }
    match server.client.conversation(id, &server.directory) {
        Ok(found) => Ok(Place::of(found, server)),
        Err(failure) if matches!(failure.status(), Some(400 | 404)) => Err(missing()),
        Err(failure) => Err(failure.into()),
    }
}

/// The sub-agents' conversations below one, at every depth.
pub fn descendants(server: &Server, place: &Place) -> Result<Vec<String>> {
    Ok(descendants_within(server, place, REQUEST_LIMIT)?)
}

/// The same with a limit for each request.
pub fn descendants_within(
    server: &Server,
    place: &Place,
    limit: Duration,
) -> std::result::Result<Vec<String>, Failure> {
    let mut found: Vec<String> = Vec::new();
    let mut next = vec![place.id.clone()];
    while let Some(parent) = next.pop() {
        for child in server.client.children(&parent, &place.directory, limit)? {
            // A server that names a conversation its own ancestor must not keep us here.
            if child.id != place.id && !found.contains(&child.id) {
                next.push(child.id.clone());
                found.push(child.id);
            }
        }
    }
    Ok(found)
}

/// Opens a conversation in the session's directory.
pub fn open(server: &Server, title: Option<&str>) -> Result<Place> {
    let allowed = server.record.allow_occtl_commands.unwrap_or(false);
    let permission = if allowed { Vec::new() } else { no_occtl() };
    let new = NewConversation { title, permission };
    Ok(Place::of(server.client.create(&server.directory, &new)?, server))
}

/// What occtl's name looks like at the front of a command, and behind what commonly stands before it.
/// Each is held against every simple command of a line, so `a && occtl list`, `$(occtl list)` and the
/// like need no pattern of their own. A deny rule that is too wide costs the model a command, so
/// there is none for any line that merely has the word in it.
const OCCTL: [&str; 21] = [
    "occtl *",
    "occtl>*",
    "occtl\t*",
    "\"occtl\" *",
    "'occtl' *",
    "*/occtl *",
    "*=* occtl *",
    "command *occtl *",
    "env *occtl *",
    "eval *occtl *",
    "exec *occtl *",
    "nice *occtl *",
    "nohup *occtl *",
    "setsid *occtl *",
    "sudo *occtl *",
    "time *occtl *",
    "timeout *occtl *",
    "xargs *occtl *",
    "*sh -c *occtl*",
    "*sh -lc *occtl*",
    "*sh <<*occtl*",
];

/// The rules that keep a model from running occtl. The server appends them to all configured ones,
/// and to those of sub-agents. What no rule can catch is in `docs/security.md`.
pub fn no_occtl() -> Vec<Rule> {
    let deny = |pattern: &&str| Rule {
        permission: "bash".into(),
        pattern: (*pattern).into(),
        action: "deny".into(),
    };
    OCCTL.iter().map(deny).collect()
}
