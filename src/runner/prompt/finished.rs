//! A turn that is followed to its end: one that begins with our prompt, or one that runs already.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use super::follow::{Followed, Follower, tell_end};
use super::message_id::new_turn;
use super::options::{Follow, PromptOptions, Wanted};
use super::prepared::{Placed, Prepared};
use super::queue::wait_until_taken;
use super::schema::{self, hold_against};
use super::stored::{has_message, raw_message};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{Target, no_turn, target_place};
use crate::runner::conversation::own_rules::own_rules;
use crate::runner::conversation::turns;
use crate::runner::input;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::turn::record::{HeldRule, TurnRecord};

/// A turn that took longer notes the use of the session once more at its end. For a shorter one
/// that would only cost a write.
const TOUCH_AGAIN_MS: u64 = 5_000;

/// A turn that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What happened.
    pub record: TurnRecord,
    /// The last message as the server has it, where that was wanted.
    pub raw: Option<Value>,
    /// Whether the session is still there, so that the conversation can be read.
    pub session_remains: bool,
    /// When the turn was given up for a limit, a signal or an ask, if it was.
    pub given_up: Option<Instant>,
}

/// Sends a prompt and follows its turn to the end.
pub fn send_and_follow(
    context: &Context,
    word: &str,
    options: PromptOptions,
    follow: Follow,
) -> Result<Finished> {
    // Until there is a prompt there is nothing to abort.
    context.catch_signals()?.set_fatal(true);
    let began = Instant::now();
    let prepared = Prepared::read(options, follow.terms.limits.timeout)?;
    let terms = follow.terms.after(began);
    follow_prepared(context, word, prepared, Follow { terms, ..follow })
}

/// Sends a prompt whose files have been read, and follows its turn to the end.
pub fn follow_prepared(
    context: &Context,
    word: &str,
    mut prepared: Prepared,
    follow: Follow,
) -> Result<Finished> {
    let operation = follow.terms.limits.begin(context, word)?;
    let server = &operation.server;
    let explain = |error| operation.explain(error);
    // A hook gets the whole record.
    let only_answer = follow.wanted == Wanted::Answer && !follow.terms.hook.is_set();
    let policy = &follow.terms.policy;
    let placed = prepared.find_place(context, server, policy, !only_answer).map_err(explain)?;
    // Ids sort by time. One from before the wait of --queue would be older than the turns that have
    // ended since.
    let turn = new_turn(context, server, &placed).map_err(explain)?;
    let Placed { place, rules, .. } = placed;
    let follower = Follower::prepare(&operation, &place, &turn, &follow.terms);
    operation.signals.set_fatal(false);
    if let Some(warning) = prepared.schema.as_ref().and_then(schema::warning) {
        (context.say)(&warning);
    }
    // Before the prompt, so that no `cleanup` in between takes the session for unused.
    server.note_use(context, Some(&place.id));
    let held = prepared.hold(server, &place, &turn).map_err(explain)?;
    if let Some(lock) = prepared.queue_lock.take() {
        wait_until_taken(server, &place, &turn, &held);
        drop(lock);
    }
    let attached = std::mem::take(&mut prepared.options.files);
    // The prompt can be large, and the server has it now.
    prepared.forget();
    let follower = follower.holding(held, only_answer);
    let Followed { mut record, last, given_up } =
        follower.follow(follow.watcher).map_err(|error| refused(explain(error), &attached))?;
    record.rules = Some(rules);
    record.unlisted = Some(policy.unlisted.name());
    if let Some(schema) = &prepared.schema {
        hold_against(schema, &mut record);
    }
    tell_end(context, &follow.terms, &record);
    if record.total_ms >= TOUCH_AGAIN_MS {
        server.note_use(context, Some(&place.id));
    }
    let last = last.filter(|_| follow.wanted == Wanted::Raw);
    let raw = last.and_then(|last| raw_message(server, &place, &last));
    Ok(Finished { record, raw, session_remains: true, given_up })
}

/// The error for a prompt that the server refused. Files are the usual reason, and it does not name
/// them.
fn refused(mut error: Error, attached: &[PathBuf]) -> Error {
    if error.code != Code::Failed || attached.is_empty() {
        return error;
    }
    let names: Vec<String> = attached.iter().map(|path| input::name(path)).collect();
    let names = names.join(", ");
    let what = format!("the server refused the prompt and may not be able to read {names}");
    error.code = Code::TurnFailed;
    error.message = format!("{what}: {}", error.message);
    error
}

/// Follows a turn that began before this command, and that a word names.
pub fn follow_turn(
    context: &Context,
    word: &str,
    target: &Target,
    turn: &str,
    follow: Follow,
) -> Result<Finished> {
    let operation = follow.terms.limits.begin(context, word)?;
    let server = &operation.server;
    let place = target_place(context, server, target).map_err(|error| operation.explain(error))?;
    let turn = turns::turn(server, &place, turn).map_err(|error| operation.explain(error))?;
    let found = has_message(server, &place, &turn, LOOK_LIMIT);
    if !found.map_err(|failure| operation.explain(failure))? {
        return Err(no_turn(server, &place, &turn));
    }
    let follower = Follower::prepare(&operation, &place, &turn, &follow.terms).joined();
    let Followed { mut record, given_up, .. } = follower.follow(follow.watcher)?;
    let held = |rule| HeldRule { rule, by: None };
    record.rules = own_rules(server, &place).ok().map(|own| own.into_iter().map(held).collect());
    tell_end(context, &follow.terms, &record);
    Ok(Finished { record, raw: None, session_remains: true, given_up })
}
