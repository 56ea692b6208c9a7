//! Tells asks that no turn waits for any more from live ones. A server lists what an aborted turn
//! asked for until it gets a reply.
//!
//! A live ask that is left out leaves its turn hanging for ever, and a dead one that is shown is
//! only a nuisance: in doubt an ask is live.

use std::time::{Duration, Instant};

use super::server::Server;
use crate::client::wire::{Ask, Head, is_busy};
use crate::client::{Answer, Client, Limit};
use crate::units::{TICK, pause};

/// How long a conversation must read idle until its asks are dead. Servers before 1.14 do not
/// complete the answer of an aborted turn, so nothing else tells.
const IDLE_FOR: Duration = Duration::from_secs(2);

/// Whether the answer that asked for something has ended. A live ask keeps it from ending.
pub fn is_over(client: &Client, directory: &str, ask: &dyn Ask, limit: Limit) -> bool {
    let Some(message) = ask.message() else { return false };
    let found = client.message::<Head>(ask.conversation(), directory, message, limit);
    found.is_ok_and(|head| head.info.time.completed.is_some() || head.info.error.is_some())
}

/// The asks that are live, of those that a server lists for a directory. Takes up to two seconds
/// more where only the idleness of a conversation tells.
pub fn live<T: Ask>(
    server: &Server,
    directory: &str,
    mut asks: Vec<T>,
    limit: Limit,
) -> Answer<Vec<T>> {
    let client = &server.client;
    asks.retain(|ask| !is_over(client, directory, ask, limit));
    let mut suspects: Vec<String> = asks.iter().map(|ask| ask.conversation().into()).collect();
    let since = Instant::now();
    while !suspects.is_empty() {
        let activities = client.activities(directory, limit)?;
        suspects.retain(|id| !is_busy(&activities, id));
        if since.elapsed() >= IDLE_FOR {
            break;
        }
        if client.deadline().expired() {
            return Ok(asks);
        }
        pause(client.deadline().remaining(2 * TICK));
    }
    asks.retain(|ask| !suspects.iter().any(|id| id == ask.conversation()));
    Ok(asks)
}
