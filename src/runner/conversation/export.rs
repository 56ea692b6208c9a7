//! Writes a whole conversation as JSON: `export`.

use std::ops::ControlFlow;

use serde_json::value::RawValue;

use super::find;
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::signals::Signals;

/// Hands over a conversation as one JSON document, `{"info": …, "messages": […]}`, in pieces.
/// Everything in it is as the server has it, and no more than one message is held in memory.
/// `write` returns false if the reader has gone. Returns how many messages were written.
pub fn export(
    context: &Context,
    word: &str,
    id: Option<&str>,
    write: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<usize> {
    let signals = context.catch_signals()?;
    Server::with(context, word, |server| export_of(server, id, &signals, write))
}

fn export_of(
    server: &Server,
    id: Option<&str>,
    signals: &Signals,
    write: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<usize> {
    let place = find::given_or_latest(server, id)?;
    let client = &server.client;
    let directory = &place.directory;
    let info = client.raw_conversation(&place.id, directory)?;
    write(&format!("{{\"info\":{},\"messages\":[", info.get()))?;
    let mut count = 0;
    let mut trouble = None;
    let interrupted = |code| Error::new(code, "the export was interrupted");
    let take = &mut |raw: Box<RawValue>| {
        let comma = if count == 0 { "\n" } else { ",\n" };
        let written = match signals.received() {
            Some(code) => Err(interrupted(code)),
            None => write(comma).and_then(|_| write(raw.get())),
        };
        count += 1;
        match written {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                trouble = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    let result = client.each_message(&place.id, directory, take);
    if let Some(error) = trouble {
        return Err(error);
    }
    result.map_err(|failure| find::gone(server, &place, failure))?;
    write("\n]}\n")?;
    match signals.received() {
        Some(code) => Err(interrupted(code)),
        None => Ok(count),
    }
}
