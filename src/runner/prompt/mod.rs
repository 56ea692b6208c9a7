//! Sends a prompt, and follows the turn that it begins.

pub mod abort;
pub mod check;
pub mod files;
pub mod follow;
pub mod hook;
pub mod limits;
pub mod message_id;
pub mod options;
pub mod prepared;
pub mod report;
pub mod schema;
pub mod wait;

pub use crate::client::wire::ModelName;
pub use follow::{Terms, Watcher};
pub use hook::Hook;
pub use limits::Limits;
pub use options::{Follow, PromptOptions, Wanted};
pub use wait::{Reached, Until, WaitOptions, abort_conversation, wait};

use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::context::Context;
use crate::client::Answer;
use crate::error::{Code, Error, Result};
use crate::runner::conversation::find::{Place, Target, no_turn, target_place};
use crate::runner::session::operation::Operation;
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::{LOOK_FIRST, LOOK_LIMIT, out_of_time};
use crate::runner::turn::record::{Failed, Outcome, TurnRecord};
use crate::units::{Backoff, Deadline, POLL_FIRST, pause};
use follow::{Followed, Follower, tell_end};
use message_id::new_message_id;
use prepared::Prepared;

/// How long a server may take from its 204 until the prompt can be read back. A cold directory
/// needs 1.5 s.
const STORED_WITHIN: Duration = Duration::from_secs(15);

/// A turn that took longer moves the session's last use forward once more at its end.
const TOUCH_AGAIN_MS: u64 = 5_000;

/// A turn that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What happened.
    pub record: TurnRecord,
    /// The last message as the server has it, where that was wanted.
    pub raw: Option<Value>,
    /// Whether the session is still there, so that one can look at the conversation.
    pub session_remains: bool,
}

/// A prompt that the server has.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// `msg_…`.
    pub turn: String,
}

/// Sends a prompt and returns once the server has it.
pub fn send(
    context: &Context,
    word: &str,
    options: PromptOptions,
    limit: Duration,
) -> Result<Accepted> {
    let prepared = Prepared::read(options)?;
    let server = Server::open(context, word)?;
    let deadline = Deadline::after(limit);
    server.client.limit_to(deadline, None);
    let late = |error: Error| match error.code {
        Code::Unreachable | Code::TurnFailed if deadline.expired() => out_of_time(error, limit),
        _ => error,
    };
    let place = prepared.place(&server).map_err(late)?;
    let turn = new_message_id();
    prepared.hand_over(&server, &place, &turn).map_err(late)?;
    stored(context, &server, &place, &turn, deadline).map_err(late)?;
    server.touch(context)?;
    Ok(Accepted { session: server.record.id.clone(), conversation: place.id, turn })
}

/// Sends a prompt and follows its turn to the end. `None` if the watcher has gone before that.
pub fn send_and_follow(
    context: &Context,
    word: &str,
    options: PromptOptions,
    follow: Follow,
) -> Result<Option<Finished>> {
    // Until there is a prompt there is nothing to abort.
    context.catch_signals()?.set_fatal(true);
    let prepared = Prepared::read(options)?;
    follow_prepared(context, word, prepared, follow)
}

/// The same with what has been read already.
pub fn follow_prepared(
    context: &Context,
    word: &str,
    mut prepared: Prepared,
    follow: Follow,
) -> Result<Option<Finished>> {
    let limits = &follow.terms.limits;
    let mut operation = Operation::begin(context, word, limits.timeout)?;
    operation.limit = limits.rest_of.unwrap_or(limits.timeout);
    let server = &operation.server;
    let turn = new_message_id();
    let late = |error| operation.explain(error);
    let place = prepared.place(server).map_err(late)?;
    let follower = Follower::prepare(&operation, &place, &turn, &follow.terms);
    operation.signals.set_fatal(false);
    let held = prepared.hold(server, &place, &turn).map_err(late)?;
    // It can be large, and the server has it.
    prepared.options.message = String::new();
    prepared.files.clear();
    touch(context, server);
    // A hook is told all.
    let only_answer = follow.wanted == Wanted::Answer && !follow.terms.hook.is_set();
    let follower = follower.holding(held, only_answer);
    let Some(followed) = follower.follow(follow.watcher).map_err(late)? else { return Ok(None) };
    let Followed { mut record, last } = followed;
    if let Some(schema) = &prepared.schema {
        hold_against(schema, &mut record);
    }
    tell_end(context, &follow.terms, &record);
    if record.total_ms >= TOUCH_AGAIN_MS {
        touch(context, server);
    }
    let last = last.filter(|_| follow.wanted == Wanted::Raw);
    let raw = last.and_then(|last| raw_message(server, &place, &last));
    Ok(Some(Finished { record, raw, session_remains: true }))
}

/// A store that cannot be written must not hide what became of a turn, nor hold it up.
fn touch(context: &Context, server: &Server) {
    if let Err(error) = context.briefly(|| server.touch(context)) {
        (context.say)(&format!("warning: {error}"));
    }
}

/// Follows a turn that somebody began before. `None` if the watcher has gone.
pub fn follow_turn(
    context: &Context,
    word: &str,
    target: &Target,
    turn: &str,
    follow: Follow,
) -> Result<Option<Finished>> {
    let operation = Operation::begin(context, word, follow.terms.limits.timeout)?;
    let server = &operation.server;
    let place = target_place(server, target).map_err(|error| operation.explain(error))?;
    let found = has(server, &place, turn, LOOK_LIMIT);
    if !found.map_err(|failure| operation.explain(failure))? {
        return Err(no_turn(server, &place, turn));
    }
    let follower = Follower::prepare(&operation, &place, turn, &follow.terms).joined();
    let Some(followed) = follower.follow(follow.watcher)? else { return Ok(None) };
    let record = followed.record;
    tell_end(context, &follow.terms, &record);
    Ok(Some(Finished { record, raw: None, session_remains: true }))
}

/// Checks the answer on our side as well: old servers ignore a schema, and models err.
fn hold_against(schema: &Value, record: &mut TurnRecord) {
    // A model may answer in text what it should have given to the tool that takes the answer.
    let not_given =
        record.error.as_ref().is_some_and(|error| error.name == "StructuredOutputError");
    if !not_given && !matches!(record.outcome, Outcome::Ok | Outcome::Not(Code::Empty)) {
        return;
    }
    record.error = None;
    let from_text = || serde_json::from_str(&record.answer).ok();
    let why = match record.structured.clone().or_else(from_text) {
        Some(value) => {
            let why = schema::misfit(schema, &value);
            record.answer = value.to_string();
            record.structured = Some(value);
            why
        }
        None => Some("the answer is not JSON".into()),
    };
    record.outcome = Outcome::Ok;
    if let Some(why) = why {
        let message = format!("the answer does not fit the schema: {why}");
        record.error = Some(Failed { name: "SchemaMismatch".into(), message });
        record.outcome = Outcome::Not(Code::TurnFailed);
    }
}

/// Whether the server has a message; perhaps one that it cannot show.
fn has(server: &Server, place: &Place, message: &str, limit: Duration) -> Answer<bool> {
    // Without an id it is another route that answers.
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

/// Waits until the prompt can be read back: a 204 alone promises nothing.
fn stored(
    context: &Context,
    server: &Server,
    place: &Place,
    turn: &str,
    deadline: Deadline,
) -> Result<()> {
    let deadline = deadline.or_after(STORED_WITHIN);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    loop {
        let limit = deadline.remaining(LOOK_LIMIT);
        let why = match has(server, place, turn, limit) {
            Ok(true) => return Ok(()),
            Ok(false) => "it is not there".into(),
            Err(failure) => failure.to_string(),
        };
        if let Some(error) = server.ended(context) {
            return Err(error);
        }
        if deadline.expired() {
            let message = format!("the server accepted the prompt and does not have it: {why}");
            return Err(Error::new(Code::TurnFailed, message)
                .hint("an unknown agent does that: occtl config SESSION agent lists them"));
        }
        pause(pauses.next());
    }
}

/// `{info, parts}` of one message, as `POST …/message` would have answered. What is missing here is
/// in the record as well, so a silent server is not waited for.
fn raw_message(server: &Server, place: &Place, id: &str) -> Option<Value> {
    let found = server.client.message::<Value>(&place.id, &place.directory, id, LOOK_FIRST).ok()?;
    Some(json!({"info": found.get("info")?, "parts": found.get("parts")?}))
}
