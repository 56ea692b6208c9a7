//! Takes turns back, with what they did to files, and brings them back: `revert`, `unrevert`.

use super::find::{Place, Target, no_turn, target_place};
use super::turns;
use super::work::{refuse_work, refused};
use crate::client::Limit;
use crate::client::wire::{Conversation, Head};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;

/// A conversation of which turns were taken back.
#[derive(Clone, Debug)]
pub struct Reverted {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// The first turn that was taken back, `msg_…`.
    pub turn: String,
    /// What that changed in files, as a diff, if it changed any. The server keeps track of files in
    /// git repositories only.
    pub patch: Option<String>,
}

/// A conversation in which nothing is taken back any more.
#[derive(Clone, Debug)]
pub struct Unreverted {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// The first turn that was brought back; `None` if none had been taken back.
    pub turn: Option<String>,
}

/// Takes back the turn that `turn` names and all after it.
pub fn revert(context: &Context, word: &str, target: &Target, turn: &str) -> Result<Reverted> {
    Server::with(context, word, |server| {
        let place = target_place(context, server, target)?;
        let turn = existing_turn(server, &place, turn)?;
        refuse_work(context, server, &place, "reverted")?;
        let reverted = server.client.revert(&place.id, &place.directory, &turn);
        let found = reverted.map_err(|failure| refused(server, &place, failure, "revert turns"))?;
        server.note_use(context, None);
        // The server passes over a message that it does not know.
        if found.reverted() != Some(&turn) {
            return Err(Error::failed(format!("the server did not take turn {turn} back")));
        }
        Ok(Reverted {
            session: server.record.id.clone(),
            conversation: place.id,
            turn,
            patch: found.revert.and_then(|revert| revert.diff).filter(|diff| !diff.is_empty()),
        })
    })
}

/// Brings back what was taken back, messages and files.
pub fn unrevert(context: &Context, word: &str, target: &Target) -> Result<Unreverted> {
    Server::with(context, word, |server| {
        let place = target_place(context, server, target)?;
        let before: Conversation = server
            .client
            .conversation(&place.id, &place.directory)
            .map_err(|failure| super::find::gone(server, &place, failure))?;
        let turn = before.reverted().map(String::from);
        if turn.is_some() {
            refuse_work(context, server, &place, "changed")?;
            let found = server.client.unrevert(&place.id, &place.directory);
            let found =
                found.map_err(|failure| refused(server, &place, failure, "bring turns back"))?;
            server.note_use(context, None);
            if let Some(turn) = found.reverted() {
                return Err(Error::failed(format!("the server did not bring turn {turn} back")));
            }
        }
        Ok(Unreverted { session: server.record.id.clone(), conversation: place.id, turn })
    })
}

/// The id of the turn that a word names, which the conversation really has.
fn existing_turn(server: &Server, place: &Place, word: &str) -> Result<String> {
    let turn = turns::turn(server, place, word)?;
    match server.client.message::<Head>(&place.id, &place.directory, &turn, Limit::Ordinary) {
        Ok(head) => match head.info.parent {
            None => Ok(turn),
            Some(parent) => Err(no_turn(server, place, &turn)
                .hint(format!("{turn} is an answer that belongs to the turn {parent}"))),
        },
        // It is there, and is a prompt with a schema.
        Err(failure) if failure.is_unreadable() => Ok(turn),
        Err(failure) if failure.is_missing() => Err(no_turn(server, place, &turn)),
        Err(failure) => Err(failure.into()),
    }
}
