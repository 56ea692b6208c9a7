//! Reads the messages of a turn, page by page.

use std::time::Duration;

use super::find::Place;
use crate::client::wire::{Info, Message};
use crate::client::{Answer, Limit};
use crate::runner::session::server::Server;

/// How many messages a look starts with; a turn's last steps are among them.
const PAGE: usize = 8;

/// How many are asked for at once when all of a turn is wanted.
const WHOLE_PAGE: usize = 50;

/// The messages from the prompt on, oldest first: all of them, or where it is told which are the
/// turn's own at least the newest ones and one of those.
pub fn messages_since(
    server: &Server,
    place: &Place,
    turn: &str,
    own: Option<&dyn Fn(&Info) -> bool>,
    limit: Duration,
) -> Answer<Vec<Message>> {
    let mut found: Vec<Message> = Vec::new();
    let mut pages = server.client.pages(&place.id, &place.directory, Limit::Whole(limit));
    let mut size = if own.is_none() { WHOLE_PAGE } else { PAGE };
    loop {
        let mut page = match pages.next(size) {
            Err(failure) if failure.is_unreadable() => {
                return around_the_prompt(server, place, turn, limit);
            }
            page => page?.unwrap_or_default(),
        };
        let ended = page.is_empty();
        page.append(&mut found);
        found = page;
        let reached = found.first().is_none_or(|first| first.info.id.as_str() <= turn);
        let ours = own.is_some_and(|own| found.iter().any(|message| own(&message.info)));
        if ended || reached || ours {
            found.retain(|message| message.info.id.as_str() >= turn);
            return Ok(found);
        }
        size = WHOLE_PAGE;
    }
}

/// The messages after the prompt, one by one: 1.15.13 to 1.18.33 answer 400 for every page that holds
/// a prompt with a schema.
fn around_the_prompt(
    server: &Server,
    place: &Place,
    turn: &str,
    limit: Duration,
) -> Answer<Vec<Message>> {
    let mut found: Vec<Message> = Vec::new();
    let mut pages = server.client.pages(&place.id, &place.directory, Limit::Whole(limit));
    loop {
        let page: Option<Vec<Message>> = match pages.next(1) {
            // Here it is.
            Err(failure) if failure.is_unreadable() => break,
            page => page?,
        };
        let message = page.and_then(|mut page| page.pop());
        match message.filter(|message| message.info.id.as_str() >= turn) {
            Some(message) => found.push(message),
            None => break,
        }
    }
    found.reverse();
    Ok(found)
}
