//! Aborts a turn and makes sure of it.

use std::time::Duration;

use super::conversation::Place;
use super::server::Server;
use crate::client::Cause;
use crate::process;
use crate::units::{Backoff, Deadline, POLL_FIRST};

/// How long a turn may take to end after it was aborted.
const ABORT_WAIT: Duration = Duration::from_secs(5);
/// One request of that.
const ABORT_REQUEST: Duration = Duration::from_millis(1500);

/// Aborts the conversation and its sub-agents' until all read idle; false if one does not.
///
/// Sub-agents go first: a parent whose sub-agent waits would run one more step.
pub fn abort(server: &Server, place: &Place, descendants: &[String]) -> bool {
    let deadline = Deadline::after(ABORT_WAIT);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(250));
    let members: Vec<&str> =
        descendants.iter().map(String::as_str).chain([place.id.as_str()]).collect();
    loop {
        let mut silent = false;
        for conversation in &members {
            let limit = deadline.remaining(ABORT_REQUEST);
            let sent = server.client.abort(conversation, &place.directory, limit);
            silent |= sent.is_err_and(|failure| matches!(failure.cause, Cause::Silent));
        }
        let limit = deadline.remaining(ABORT_REQUEST);
        match server.client.activities(&place.directory, limit) {
            Ok(activities) => {
                let busy = |id: &&str| activities.get(*id).is_some_and(|one| one.busy());
                if !members.iter().any(busy) {
                    return true;
                }
            }
            // It answers nothing at all, so that asking again only takes the caller's time.
            Err(failure) if silent && matches!(failure.cause, Cause::Silent) => return false,
            Err(_) => {}
        }
        if deadline.expired() || !server.lives() {
            return false;
        }
        process::pause(pauses.next());
    }
}
