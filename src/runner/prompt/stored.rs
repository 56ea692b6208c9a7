//! Whether the server has a prompt, and what it has of a message.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::client::{Answer, Held};
use crate::error::{Code, Error, Result};
use crate::runner::conversation::find::Place;
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::{LOOK_FIRST, LOOK_LIMIT};
use crate::units::{Backoff, POLL_FIRST, pause};

/// How long a server may take from its 204 until the prompt can be read back. A cold directory
/// needs 1.5 s.
pub const STORED_WITHIN: Duration = Duration::from_secs(15);

/// Whether the server has a message, even if it cannot show it.
pub fn has_message(server: &Server, place: &Place, message: &str, limit: Duration) -> Answer<bool> {
    // Without an id the request would go to the route that lists messages.
    if message.is_empty() {
        return Ok(false);
    }
    match server.client.message::<IgnoredAny>(&place.id, &place.directory, message, limit) {
        Ok(_) => Ok(true),
        Err(failure) if failure.is_unreadable() => Ok(true),
        Err(failure) if failure.is_missing() => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Waits until the server has made a prompt of a command, which it first runs shell lines for. It
/// says no before that, or with its answer at the end of the turn.
pub fn wait_until_begun(server: &Server, place: &Place, turn: &str, held: &Held) -> Result<()> {
    let deadline = server.client.deadline();
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    loop {
        let has_answered = held.is_ready(Duration::ZERO);
        match has_message(server, place, turn, LOOK_LIMIT) {
            Ok(true) => return Ok(()),
            Err(failure) if !deadline.expired() && !failure.is_passing() => {
                return Err(failure.into());
            }
            _ => {}
        }
        if let Some(error) = server.ended() {
            return Err(error);
        }
        if has_answered {
            let message = "the server did not make a prompt of the command";
            return Err(
                Error::new(Code::TurnFailed, message).hint("occtl logs -l ERROR -n 5 may say why")
            );
        }
        if deadline.expired() {
            let message = "the server still prepares the command, and will begin with it";
            return Err(Error::unreachable(message));
        }
        pause(deadline.remaining(pauses.next()));
    }
}

/// Waits until the prompt can be read back: the server's 204 alone promises nothing.
pub fn wait_until_stored(server: &Server, place: &Place, turn: &str) -> Result<()> {
    let deadline = server.client.deadline().or_after(STORED_WITHIN);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    let mut why = String::new();
    loop {
        let limit = deadline.remaining(LOOK_LIMIT);
        match has_message(server, place, turn, limit) {
            Ok(true) => return Ok(()),
            Ok(false) => why = format!("message {turn} is not there"),
            // The last request has no time left for an answer.
            Err(_) if deadline.expired() && !why.is_empty() => {}
            Err(failure) => why = failure.to_string(),
        }
        if let Some(error) = server.ended() {
            return Err(error);
        }
        if deadline.expired() {
            let message = format!(
                "the server accepted the prompt and has dropped it, usually for an attachment \
                 that it cannot read: {why}"
            );
            return Err(
                Error::new(Code::TurnFailed, message).hint("occtl logs -l ERROR -n 5 may say why")
            );
        }
        pause(pauses.next());
    }
}

/// `{info, parts}` of one message, as `POST …/message` would have answered. The record says the
/// same in its own form, so a silent server is not waited for.
pub fn raw_message(server: &Server, place: &Place, id: &str) -> Option<Value> {
    let found = server.client.message::<Value>(&place.id, &place.directory, id, LOOK_FIRST).ok()?;
    Some(json!({"info": found.get("info")?, "parts": found.get("parts")?}))
}
