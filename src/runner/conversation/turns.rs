//! Finds the turn that a command means.

use std::ops::ControlFlow;
use std::time::Duration;

use super::beginnings::{Beginning, LATEST, Meaning, ambiguous};
use super::find::{Place, gone, no_turn};
use crate::client::wire::{Head, Info};
use crate::client::{Answer, Limit};
use crate::error::{Error, Result};
use crate::runner::session::server::Server;

/// How many messages are asked for first. If they hold no prompt, more are asked for.
const PAGE: usize = 8;

/// The most that are asked for at once: a server holds a page in memory before it sends it.
const LARGEST_PAGE: usize = 200;

/// The newest prompt of a conversation.
pub enum NewestPrompt {
    /// There is none.
    Missing,
    /// The server cannot show it, and no answer names it yet.
    Unreadable,
    /// This one.
    Known {
        /// `msg_…`.
        id: String,
        /// How long ago it was stored.
        age: Duration,
    },
}

/// Looks for the newest prompt of a conversation.
pub fn newest_prompt(server: &Server, place: &Place, limit: Limit) -> Answer<NewestPrompt> {
    let Place { id, directory, .. } = place;
    let mut pages = server.client.pages(id, directory, limit);
    let mut size = PAGE;
    let newest = loop {
        // Of a large page only the prompt is kept.
        let mut newest: Option<Info> = None;
        let take = &mut |Head { info }: Head| {
            if info.is_prompt() {
                newest = Some(info);
            }
        };
        match pages.each_of_next(size, take) {
            Ok(more) if newest.is_some() || !more => break newest,
            Ok(_) => {}
            // The prompt is on this page. An answer to it may have come.
            Err(failure) if failure.is_unreadable() => {
                match server.client.newest_message(id, directory, limit) {
                    Err(failure) if failure.is_unreadable() => return Ok(NewestPrompt::Unreadable),
                    newest => break newest?.map(|message| message.info),
                }
            }
            Err(failure) => return Err(failure),
        }
        size = (size * PAGE).min(LARGEST_PAGE);
    };
    let Some(info) = newest else { return Ok(NewestPrompt::Missing) };
    let now = jiff::Timestamp::now().as_millisecond() as f64;
    let age = info.time.created.map_or(0.0, |created| (now - created).max(0.0));
    let age = Duration::from_millis(age as u64);
    Ok(NewestPrompt::Known { id: info.parent.unwrap_or(info.id), age })
}

/// The id of the turn that a word names: its id, the beginning of one, or `latest`. A word that
/// looks like a whole id is not looked for.
pub fn turn(server: &Server, place: &Place, word: &str) -> Result<String> {
    named(server, place, word, "turn", Info::is_prompt)?.ok_or_else(|| no_turn(server, place, word))
}

/// The id of the message that a word names, in the same way; `latest` is the newest prompt. `None`
/// if there is no such message.
pub fn message(server: &Server, place: &Place, word: &str) -> Result<Option<String>> {
    named(server, place, word, "message", |_| true)
}

fn named(
    server: &Server,
    place: &Place,
    word: &str,
    what: &str,
    counts: fn(&Info) -> bool,
) -> Result<Option<String>> {
    if word == LATEST {
        return newest(server, place).map(Some);
    }
    let Some(mut search) = Beginning::of(word, "msg_") else {
        return Ok(word.starts_with("msg_").then(|| word.into()));
    };
    let take = &mut |Head { info }: Head| {
        if counts(&info) {
            search.look_at(&info.id);
        }
        ControlFlow::Continue(())
    };
    let read = server.client.each_message(&place.id, &place.directory, take);
    read.map_err(|failure| {
        if failure.is_unreadable() { unlisted(place, word) } else { gone(server, place, failure) }
    })?;
    match search.meaning() {
        Meaning::Nothing => Ok(None),
        Meaning::One(id) => Ok(Some(id)),
        Meaning::Several(candidates) => {
            let what = format!("{what} of conversation {}", place.id);
            Err(ambiguous(&what, word, &candidates))
        }
    }
}

fn newest(server: &Server, place: &Place) -> Result<String> {
    let found = newest_prompt(server, place, Limit::Long);
    match found.map_err(|failure| gone(server, place, failure))? {
        NewestPrompt::Known { id, .. } => Ok(id),
        NewestPrompt::Unreadable => Err(unlisted(place, LATEST)),
        NewestPrompt::Missing => {
            let id = &place.id;
            Err(Error::not_found(format!("conversation {id} has no turn yet"))
                .hint(format!("occtl send {} -s {id} MESSAGE begins one", server.record.id)))
        }
    }
}

/// The error for a search among messages that the server cannot list.
fn unlisted(place: &Place, word: &str) -> Error {
    Error::failed(format!(
        "the server cannot list the messages of conversation {}, so {word} cannot be looked for",
        place.id
    ))
    .hint("give the whole id of the turn; send --json prints it")
}
