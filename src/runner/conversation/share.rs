//! Publishes a conversation through OpenCode's share service, and takes it off again: `share`,
//! `unshare`. The server sends it there, not occtl.

use super::find::{Place, Target, gone, target_place};
use super::work::refused;
use crate::client::wire::Conversation;
use crate::client::{Failure, Limit};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;

/// A conversation that every user who knows its address can read.
#[derive(Clone, Debug)]
pub struct Shared {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// Where it can be read; untrusted text.
    pub url: String,
}

/// A conversation that is not shared any more.
#[derive(Clone, Debug)]
pub struct Unshared {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// Whether the server had an address for it. 1.18.33 keeps the one of a conversation that is
    /// not shared any more.
    pub was_shared: bool,
}

/// Shares a conversation. An error if the configuration disables that.
pub fn share(context: &Context, word: &str, target: &Target) -> Result<Shared> {
    Server::with(context, word, |server| {
        let place = target_place(context, server, target)?;
        if is_disabled(server, &place)? {
            return Err(disabled(server, &place));
        }
        let found = server.client.share(&place.id, &place.directory);
        let found = found.map_err(|failure| failed(server, &place, failure))?;
        server.note_use(context, None);
        let url = found.share.map(|share| share.url).filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| Error::failed(format!("the server shared no {}", place.id)))?;
        Ok(Shared { session: server.record.id.clone(), conversation: place.id, url })
    })
}

/// Takes a conversation off again.
pub fn unshare(context: &Context, word: &str, target: &Target) -> Result<Unshared> {
    Server::with(context, word, |server| {
        let place = target_place(context, server, target)?;
        let found = server.client.conversation::<Conversation>(&place.id, &place.directory);
        let found = found.map_err(|failure| gone(server, &place, failure))?;
        let was_shared = found.share.is_some();
        if was_shared {
            let removed = server.client.unshare(&place.id, &place.directory);
            removed.map_err(|failure| failed(server, &place, failure))?;
            server.note_use(context, None);
        } else if is_disabled(server, &place)? {
            return Err(disabled(server, &place));
        }
        Ok(Unshared { session: server.record.id.clone(), conversation: place.id, was_shared })
    })
}

/// The error for a request that the server, or the share service behind it, did not take.
fn failed(server: &Server, place: &Place, failure: Failure) -> Error {
    let is_internal = failure.status() == Some(500);
    let error = refused(server, place, failure, "share conversations");
    let logs = format!("occtl logs {} may say why", server.record.id);
    if is_internal { error.hint(logs) } else { error }
}

/// Whether the configuration disables sharing.
fn is_disabled(server: &Server, place: &Place) -> Result<bool> {
    let configuration = server.client.configuration(&place.directory, Limit::Ordinary)?;
    Ok(configuration.get("share").and_then(|value| value.as_str()) == Some("disabled"))
}

fn disabled(server: &Server, place: &Place) -> Error {
    let what = format!("conversation {} is not shared", place.id);
    Error::failed(format!("{what}: OpenCode's configuration has \"share\": \"disabled\""))
        .hint(format!("occtl config {} all shows it", server.record.id))
}
