//! Flags of `stop` that would do nothing for any of the sessions that were named.

use super::stop::{StopOptions, nested};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::life::{Life, life};
use crate::runner::session::select::select;
use crate::store::Record;

/// Refuses a flag that no session of `words` has a use for, before any of them is stopped.
/// `has_grace` says whether the time between the two signals was given. A word that names no
/// session, and a session that is elsewhere, have errors of their own.
pub fn check_stop_flags(
    context: &Context,
    words: &[String],
    options: &StopOptions,
    has_grace: bool,
) -> Result<()> {
    let document = context.store.read()?;
    let named = words.iter().filter_map(|word| select(context, &document, word).ok());
    let named = named.map(|record| (life(context, &record), record));
    let named: Vec<(Life, Record)> = named.filter(|(life, _)| *life != Life::Elsewhere).collect();
    let mut all: Vec<Record> = named.iter().map(|(_, record)| record.clone()).collect();
    let mut at = 0;
    while options.recursive && at < all.len() {
        for one in nested(context, &document, &all[at])? {
            if all.iter().all(|other| other.id != one.id) {
                all.push(one);
            }
        }
        at += 1;
    }
    let can_end = |life: &Life, record: &Record| {
        record.adopted_url.is_none() || options.kill && *life != Life::Adopted
    };
    let checks = [
        (
            has_grace,
            all.len() > named.len() || named.iter().any(|(life, record)| can_end(life, record)),
            "grace",
            "the server is not ended: it was adopted",
        ),
        (
            options.keep_data,
            all.iter().any(|record| record.isolated.is_some()),
            "keep-data",
            "it was not started with --isolate, and has no data of its own",
        ),
        (
            options.remove_worktree,
            named.iter().any(|(_, record)| record.worktree.is_some()),
            "remove-worktree",
            "it was not started with --worktree",
        ),
        (
            options.kill,
            named.iter().any(|(life, one)| one.adopted_url.is_some() && *life != Life::Adopted),
            "kill",
            "only a server that was adopted with --pid can be ended so",
        ),
    ];
    let moot = checks.iter().find(|(given, has_use, ..)| *given && !has_use && !named.is_empty());
    let Some((_, _, flag, why)) = moot else { return Ok(()) };
    let ids: Vec<&str> = named.iter().map(|(_, record)| record.id.as_str()).collect();
    let message = format!("--{flag} would do nothing for {}: {why}", ids.join(", "));
    Err(Error::usage(message).hint("nothing was stopped; leave the flag out"))
}
