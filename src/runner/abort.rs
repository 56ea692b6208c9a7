//! Aborts a turn and makes sure of it.

use std::time::Duration;

use super::conversation::Place;
use super::server::Server;
use crate::process;
use crate::units::{Backoff, Deadline, POLL_FIRST};

/// How long a turn may take to end after it was aborted.
const ABORT_WAIT: Duration = Duration::from_secs(5);
/// One request of that.
const ABORT_REQUEST: Duration = Duration::from_secs(2);

/// Aborts the conversation and its sub-agents' until all read idle; false if one does not.
///
/// Sub-agents go first: a parent whose sub-agent waits would run one more step.
pub fn abort(server: &Server, place: &Place, descendants: &[String]) -> bool {
    let deadline = Deadline::after(ABORT_WAIT);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(250));
    let members: Vec<&str> =
        descendants.iter().map(String::as_str).chain([place.id.as_str()]).collect();
    loop {
        for conversation in &members {
            let limit = deadline.remaining(ABORT_REQUEST);
            let _ = server.client.abort(conversation, &place.directory, limit);
        }
        let limit = deadline.remaining(ABORT_REQUEST);
        if let Ok(activities) = server.client.activities(&place.directory, limit) {
            let busy = |id: &&&str| activities.get(**id).is_some_and(|one| one.busy());
            if !members.iter().any(|id| busy(&id)) {
                return true;
            }
        }
        if deadline.expired() || !server.lives() {
            return false;
        }
        process::pause(pauses.next());
    }
}
