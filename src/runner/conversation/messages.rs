//! Reads the messages of a turn, page by page.

use std::time::Duration;

use super::find::Place;
use crate::client::wire::{Info, Message};
use crate::client::{Answer, Limit};
use crate::runner::session::server::Server;

/// How many messages are asked for first. The last steps of a turn are among them.
const PAGE: usize = 8;

/// How many are asked for at once when all messages of a turn are wanted.
const WHOLE_PAGE: usize = 50;

/// The messages of a conversation from the prompt `turn` on, oldest first. With `is_own`, which
/// says whether a message belongs to the turn, it is enough if the newest ones include such a
/// message; the older ones may then be missing.
pub fn messages_since(
    server: &Server,
    place: &Place,
    turn: &str,
    is_own: Option<&dyn Fn(&Info) -> bool>,
    limit: Duration,
) -> Answer<Vec<Message>> {
    let mut found: Vec<Message> = Vec::new();
    let mut pages = server.client.pages(&place.id, &place.directory, Limit::Whole(limit));
    let mut size = if is_own.is_none() { WHOLE_PAGE } else { PAGE };
    loop {
        let mut page = match pages.next(size) {
            Err(failure) if failure.is_unreadable() => {
                return after_the_prompt(server, place, turn, is_own, limit);
            }
            page => page?.unwrap_or_default(),
        };
        let ended = page.is_empty();
        page.append(&mut found);
        found = page;
        let reached = found.first().is_none_or(|first| first.info.id.as_str() <= turn);
        let enough = is_own.is_some_and(|is_own| found.iter().any(|message| is_own(&message.info)));
        if ended || reached || enough {
            found.retain(|message| message.info.id.as_str() >= turn);
            return Ok(found);
        }
        size = WHOLE_PAGE;
    }
}

/// The messages after the prompt, read one by one. 1.15.13 to 1.18.33 answer 400 for every page
/// that contains a prompt with a schema, so the first such page is where the prompt is. With
/// `is_own` the newest ones up to such a message are enough.
fn after_the_prompt(
    server: &Server,
    place: &Place,
    turn: &str,
    is_own: Option<&dyn Fn(&Info) -> bool>,
    limit: Duration,
) -> Answer<Vec<Message>> {
    let mut found: Vec<Message> = Vec::new();
    let mut pages = server.client.pages(&place.id, &place.directory, Limit::Whole(limit));
    loop {
        let page: Option<Vec<Message>> = match pages.next(1) {
            // This is the prompt.
            Err(failure) if failure.is_unreadable() => break,
            page => page?,
        };
        let message = page.and_then(|mut page| page.pop());
        match message.filter(|message| message.info.id.as_str() >= turn) {
            Some(message) => {
                // A look at a turn of n steps would otherwise cost n requests, and all looks n².
                let is_enough = is_own.is_some_and(|is_own| is_own(&message.info));
                found.push(message);
                if is_enough {
                    break;
                }
            }
            None => break,
        }
    }
    found.reverse();
    Ok(found)
}
