//! Forgets dead sessions, many of them as quickly as one.

use std::collections::BTreeSet;

use super::end::{say_what_stays, sweep};
use crate::error::Result;
use crate::process;
use crate::runner::context::Context;
use crate::runner::session::life::{Life, MARK, life};
use crate::sorting;
use crate::store::Record;

/// Removes the files and the records of those sessions that are dead and that no process belongs
/// to, and returns their ids. A session that has changed since it was read, or of which a tool
/// still runs, is left for the caller to stop by itself.
///
/// The process table is read once and the store is written once, however many sessions there are.
pub fn forget(context: &Context, sessions: &[Record]) -> Result<BTreeSet<String>> {
    if sessions.is_empty() {
        return Ok(BTreeSet::new());
    }
    let of_sessions = process::with_variable(MARK);
    let marks = of_sessions.iter().filter_map(|one| one.variables.get(MARK)?.to_str());
    let marked = sorting::set(marks.map(String::from));
    let document = context.store.read()?;
    let mut dead = Vec::new();
    for session in sessions.iter().filter(|session| !marked.contains(&session.id)) {
        let is_same = document.record(&session.id)?.is_some_and(|record| record == *session);
        if is_same && life(context, session) == Life::Dead {
            dead.push(session);
        }
    }
    drop(document);
    // The files go first: on a full disk they are the room in which the store can be written.
    dead.iter().for_each(|session| sweep(context, session));
    let forgotten = context.update(|document| {
        let mut forgotten = BTreeSet::new();
        for session in &dead {
            if document.record(&session.id)?.is_some_and(|record| record == **session) {
                document.remove(&session.id);
                forgotten.insert(session.id.clone());
            }
        }
        Ok(forgotten)
    })?;
    let gone = dead.into_iter().filter(|session| forgotten.contains(&session.id));
    gone.for_each(|session| say_what_stays(context, session));
    Ok(forgotten)
}
