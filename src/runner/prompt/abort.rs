//! Aborts a turn, and makes sure that it ends.

use std::time::Duration;

use crate::client::wire::is_busy;
use crate::client::{Answer, Cause};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{self, Place, Target, target_place};
use crate::runner::conversation::running::{LOOK, running_tool};
use crate::runner::conversation::work::{Work, find_work, reject_asks};
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::out_of_time;
use crate::units::{Backoff, Deadline, POLL_FIRST, pause};

/// How long one request may take.
const ABORT_REQUEST: Duration = Duration::from_millis(1500);

/// The same after a silence of the server, which only has to take the request.
const SILENT_REQUEST: Duration = Duration::from_millis(500);

/// The longest pause between two rounds.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What an abort came to.
#[derive(Clone, Debug)]
pub struct Aborted {
    /// `ses_…`.
    pub conversation: String,
    /// Whether anything was going on in it or below it.
    pub was_busy: bool,
}

/// Aborts a conversation with all below it, and rejects what it asks for. An error if it does not
/// end within `limit`, or if another server runs its turn.
pub fn abort_conversation(
    context: &Context,
    word: &str,
    target: &Target,
    limit: Duration,
) -> Result<Aborted> {
    let deadline = Deadline::after(limit);
    let server = Server::open_by(context, word, deadline)?;
    let explain = |error: Error| match error.code {
        Code::Unreachable if deadline.expired() => out_of_time(error, limit),
        Code::Unreachable => server.explain(context, error),
        _ => error,
    };
    let place = target_place(context, &server, target).map_err(explain)?;
    let below = find::descendants(&server, &place).map_err(explain)?;
    let seen = find_work(context, &server, &place, &below);
    let was_busy = match seen.map(|seen| seen.work) {
        Ok(Work::There(other)) => return Err(elsewhere(&server, &place, Some(&other))),
        Ok(Work::Unfinished) => return Err(elsewhere(&server, &place, None)),
        Ok(work) => work == Work::Here,
        Err(failure) => return Err(server.explain(context, explain(failure.into()))),
    };
    let aborted = abort(&server, &place, &below, deadline, &|| true);
    if let Ok(true) = aborted {
        reject_asks(&server, &place, &members(&place, &below), &[]);
    }
    server.note_use(context, None);
    if let Ok(true) = aborted {
        return Ok(Aborted { conversation: place.id, was_busy });
    }
    if let Some(error) = server.ended() {
        return Err(error);
    }
    match aborted {
        Err(failure) => Err(explain(failure.into())),
        Ok(_) => {
            server.client.limit_to(Deadline::after(LOOK), None);
            let tool = running_tool(&server, &place, "");
            let held = tool.map(|tool| format!(": it waits for {tool}")).unwrap_or_default();
            Err(Error::failed(format!("conversation {} was aborted and goes on{held}", place.id))
                .hint(format!("occtl stop {} ends its server", server.record.id)))
        }
    }
}

/// The error for a turn that another server runs: that of another session, if it is known.
fn elsewhere(server: &Server, place: &Place, other: Option<&str>) -> Error {
    let (session, id) = (&server.record.id, &place.id);
    match other {
        Some(other) => Error::failed(format!(
            "conversation {id} was not aborted: its turn runs on session {other}, not on {session}"
        ))
        .hint(format!("occtl abort {other} -s {id}")),
        None => Error::failed(format!(
            "conversation {id} was not aborted: its newest answer is not complete, and the server \
             of {session} does not work on it; another server does, or its server ended"
        ))
        .hint(format!("occtl tail {session} -s {id} shows how far it got")),
    }
}

/// A conversation and its sub-agents', in the order in which they are aborted: a parent whose
/// sub-agent waits would run one more step.
fn members<'a>(place: &'a Place, below: &'a [String]) -> Vec<&'a str> {
    below.iter().map(String::as_str).chain([place.id.as_str()]).collect()
}

/// Aborts the conversation and its sub-agents' until all of them read idle; false if one does not
/// in time.
///
/// A prompt that the server has not begun with reads idle, and no abort reaches it. So idle counts
/// only once `settled` says that no prompt is about to begin.
pub fn abort(
    server: &Server,
    place: &Place,
    descendants: &[String],
    deadline: Deadline,
    settled: &dyn Fn() -> bool,
) -> Answer<bool> {
    server.client.limit_to(deadline, None);
    let mut pauses = Backoff::new(POLL_FIRST, LONGEST_PAUSE);
    let members = members(place, descendants);
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
                if !members.iter().any(|id| is_busy(&activities, id)) && settled() {
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
