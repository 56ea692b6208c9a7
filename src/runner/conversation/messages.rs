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
///
/// 1.15.13 to 1.18.33 answer 400 for every page that contains a prompt with a schema. Then the
/// messages are read one by one, and the one that cannot be read is the prompt.
pub fn messages_since(
    server: &Server,
    place: &Place,
    turn: &str,
    is_own: Option<&dyn Fn(&Info) -> bool>,
    limit: Duration,
) -> Answer<Vec<Message>> {
    let from_the_newest = || server.client.pages(&place.id, &place.directory, Limit::Whole(limit));
    let mut pages = from_the_newest();
    let mut found: Vec<Message> = Vec::new();
    let mut size = if is_own.is_none() { WHOLE_PAGE } else { PAGE };
    let mut one_by_one = false;
    loop {
        let mut page = match pages.next(size) {
            Err(failure) if failure.is_unreadable() && one_by_one => Vec::new(),
            Err(failure) if failure.is_unreadable() => {
                (pages, found, size, one_by_one) = (from_the_newest(), Vec::new(), 1, true);
                continue;
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
        if !one_by_one {
            size = WHOLE_PAGE;
        }
    }
}
