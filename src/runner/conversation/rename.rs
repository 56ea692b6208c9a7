//! Gives a conversation another title: `rename`.

use super::find::{Target, gone, target_place};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;

/// A conversation with its new title.
#[derive(Clone, Debug)]
pub struct Renamed {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// As the server has it now.
    pub title: String,
}

/// Gives a conversation another title.
pub fn rename(context: &Context, word: &str, target: &Target, title: &str) -> Result<Renamed> {
    Server::with(context, word, |server| {
        let place = target_place(context, server, target)?;
        let found = server.client.rename(&place.id, &place.directory, title);
        let found = found.map_err(|failure| gone(server, &place, failure))?;
        server.note_use(context, None);
        match found.title {
            Some(kept) if kept == title => Ok(Renamed {
                session: server.record.id.clone(),
                conversation: place.id,
                title: kept,
            }),
            _ => Err(Error::failed(format!("the server did not rename {}", place.id))),
        }
    })
}
