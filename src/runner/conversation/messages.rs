//! Reads the messages of a turn, page by page.

use std::time::Duration;

use super::find::Place;
use crate::client::Answer;
use crate::client::wire::{Info, Message};
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
    let mut cursor: Option<String> = None;
    let mut page = if own.is_none() { WHOLE_PAGE } else { PAGE };
    loop {
        let asked =
            server.client.messages(&place.id, &place.directory, page, cursor.as_deref(), limit);
        let (mut messages, next) = match asked {
            Err(failure) if failure.is_unreadable() => {
                return around_the_prompt(server, place, turn, limit);
            }
            asked => asked?,
        };
        let full = messages.len() >= page;
        messages.append(&mut found);
        found = messages;
        let reached = found.first().is_none_or(|first| first.info.id.as_str() <= turn);
        let ours = own.is_some_and(|own| found.iter().any(|message| own(&message.info)));
        if reached || !full || ours {
            found.retain(|message| message.info.id.as_str() >= turn);
            return Ok(found);
        }
        page = WHOLE_PAGE;
        if next.is_none() || next == cursor {
            // A server without cursors gives everything at once.
            page = usize::MAX >> 16;
            found.clear();
        }
        cursor = next;
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
    let mut cursor: Option<String> = None;
    loop {
        let asked =
            server.client.messages(&place.id, &place.directory, 1, cursor.as_deref(), limit);
        let (messages, next) = match asked {
            // Here it is.
            Err(failure) if failure.is_unreadable() => break,
            asked => asked?,
        };
        let Some(message) = messages.into_iter().next_back() else { break };
        if message.info.id.as_str() < turn {
            break;
        }
        found.push(message);
        if next.is_none() || next == cursor {
            break;
        }
        cursor = next;
    }
    found.reverse();
    Ok(found)
}
