//! Aborts a turn and makes sure of it.

use std::time::Duration;

use crate::client::wire::Activities;
use crate::client::{Answer, Cause};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{self, Place, Target, target_place};
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::out_of_time;
use crate::units::{Backoff, Deadline, POLL_FIRST, pause};

/// How long one request may take.
const ABORT_REQUEST: Duration = Duration::from_millis(1500);

/// The same once the server was silent: all it has to do is to take it.
const SILENT_REQUEST: Duration = Duration::from_millis(500);

/// Aborts a conversation with all below it; an error if it does not end within `limit`.
pub fn abort_conversation(
    context: &Context,
    word: &str,
    target: &Target,
    limit: Duration,
) -> Result<String> {
    let server = Server::open(context, word)?;
    let deadline = Deadline::after(limit);
    server.client.limit_to(deadline, None);
    let late = |error: Error| match error.code {
        Code::Unreachable if deadline.expired() => out_of_time(error, limit),
        _ => error,
    };
    let place = target_place(&server, target).map_err(late)?;
    let below = find::descendants(&server, &place).map_err(late)?;
    let aborted = abort(&server, &place, &below, deadline, &|| true);
    server.note_use(context, None);
    match (aborted, server.ended(context)) {
        (Ok(true), _) => Ok(place.id),
        (_, Some(error)) => Err(error),
        (Err(failure), _) => Err(late(failure.into())),
        (Ok(false), _) => {
            Err(Error::failed(format!("conversation {} was aborted and goes on", place.id))
                .hint(format!("occtl stop {} ends its server", server.record.id)))
        }
    }
}

/// Aborts the conversation and its sub-agents' until all read idle; false if one does not in time.
///
/// Sub-agents go first: a parent whose sub-agent waits would run one more step. A prompt that the server has
/// not begun with reads idle and is not aborted by anything, so idle counts once it is `settled`.
pub fn abort(
    server: &Server,
    place: &Place,
    descendants: &[String],
    deadline: Deadline,
    settled: &dyn Fn() -> bool,
) -> Answer<bool> {
    server.client.limit_to(deadline, None);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(250));
    let members: Vec<&str> =
        descendants.iter().map(String::as_str).chain([place.id.as_str()]).collect();
    loop {
        let mut silent = false;
        for conversation in &members {
            let limit = if silent { SILENT_REQUEST } else { ABORT_REQUEST };
            let sent = server.client.abort(conversation, &place.directory, limit);
            silent |= sent.is_err_and(|failure| matches!(failure.cause, Cause::Silent));
        }
        let limit = if silent { SILENT_REQUEST } else { ABORT_REQUEST };
        let told = server.client.activities(&place.directory, limit);
        let busy = |id: &&str, told: &Activities| told.get(*id).is_some_and(|one| one.is_busy());
        match told {
            Ok(told) if !members.iter().any(|id| busy(id, &told)) && settled() => return Ok(true),
            // Asking again would only take the caller's time.
            Err(failure)
                if !failure.is_passing()
                    || matches!(failure.cause, Cause::Refused)
                    || (silent && matches!(failure.cause, Cause::Silent)) =>
            {
                return Err(failure);
            }
            told if deadline.expired() || !server.lives() => return told.map(|_| false),
            _ => {}
        }
        pause(pauses.next());
    }
}
