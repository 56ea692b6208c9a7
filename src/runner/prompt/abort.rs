//! Aborts a turn, and makes sure that it ends.

use std::time::Duration;

use crate::client::wire::Activity;
use crate::client::{Answer, Cause};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{self, Place, Target, target_place};
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::out_of_time;
use crate::units::{Backoff, Deadline, POLL_FIRST, pause};

/// How long one request may take.
const ABORT_REQUEST: Duration = Duration::from_millis(1500);

/// The same after a silence of the server, which only has to take the request.
const SILENT_REQUEST: Duration = Duration::from_millis(500);

/// The longest pause between two rounds.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Aborts a conversation with all below it, and returns its id. An error if it does not end within
/// `limit`.
pub fn abort_conversation(
    context: &Context,
    word: &str,
    target: &Target,
    limit: Duration,
) -> Result<String> {
    let server = Server::open(context, word)?;
    let deadline = Deadline::after(limit);
    server.client.limit_to(deadline, None);
    let explain = |error: Error| match error.code {
        Code::Unreachable if deadline.expired() => out_of_time(error, limit),
        _ => error,
    };
    let place = target_place(&server, target).map_err(explain)?;
    let below = find::descendants(&server, &place).map_err(explain)?;
    let aborted = abort(&server, &place, &below, deadline, &|| true);
    server.note_use(context, None);
    if let Ok(true) = aborted {
        return Ok(place.id);
    }
    if let Some(error) = server.ended(context) {
        return Err(error);
    }
    match aborted {
        Err(failure) => Err(explain(failure.into())),
        Ok(_) => Err(Error::failed(format!("conversation {} was aborted and goes on", place.id))
            .hint(format!("occtl stop {} ends its server", server.record.id))),
    }
}

/// Aborts the conversation and its sub-agents' until all of them read idle; false if one does not
/// in time.
///
/// Sub-agents go first: a parent whose sub-agent waits would run one more step. A prompt that the
/// server has not begun with reads idle, and no abort reaches it. So idle counts only once
/// `settled` says that no prompt is about to begin.
pub fn abort(
    server: &Server,
    place: &Place,
    descendants: &[String],
    deadline: Deadline,
    settled: &dyn Fn() -> bool,
) -> Answer<bool> {
    server.client.limit_to(deadline, None);
    let mut pauses = Backoff::new(POLL_FIRST, LONGEST_PAUSE);
    let mut members: Vec<&str> = descendants.iter().map(String::as_str).collect();
    members.push(&place.id);
    loop {
        let mut limit = ABORT_REQUEST;
        for conversation in &members {
            let sent = server.client.abort(conversation, &place.directory, limit);
            if sent.is_err_and(|failure| matches!(failure.cause, Cause::Silent)) {
                limit = SILENT_REQUEST;
            }
        }
        let activities = server.client.activities(&place.directory, limit);
        let is_last_round = deadline.expired() || !server.lives();
        match activities {
            Ok(activities) => {
                let is_busy = |id: &&str| activities.get(*id).is_some_and(Activity::is_busy);
                if !members.iter().any(is_busy) && settled() {
                    return Ok(true);
                }
                if is_last_round {
                    return Ok(false);
                }
            }
            Err(failure) => {
                // After two silences in a row another question would only take the caller's time.
                let is_final = match failure.cause {
                    Cause::Silent => limit == SILENT_REQUEST,
                    Cause::Refused => true,
                    _ => !failure.is_passing(),
                };
                if is_final || is_last_round {
                    return Err(failure);
                }
            }
        }
        pause(pauses.next());
    }
}
