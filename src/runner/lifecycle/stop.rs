//! Ends a session: its nested ones, its server, and then its record.

use std::collections::BTreeSet;
use std::time::Duration;

use super::dead::forget;
use super::end::{Ended, await_free_port, each, end_processes, say_what_stays, sweep};
use super::remains;
use super::worktree;
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::labels::{Labels, has_labels};
use crate::runner::session::life::{Life, blind_reason, elsewhere, life};
use crate::runner::session::select::select;
use crate::sorting;
use crate::store::{Document, Record, Worktree};
use crate::units::{Deadline, STOP_GRACE};

/// How a session is stopped.
#[derive(Clone, Debug)]
pub struct StopOptions {
    /// How long between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// When all of it must be over, whatever the grace is.
    pub deadline: Deadline,
    /// Stop the sessions that were started from within it first.
    pub recursive: bool,
    /// Leave an isolated session's database and state.
    pub keep_data: bool,
    /// Leave those of this one session, and what its server printed.
    pub keep_remains: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// The sessions that a dry run has counted as stopped before.
    pub gone: BTreeSet<String>,
    /// Remove the worktree and the branch that were made for it.
    pub remove_worktree: bool,
    /// End the server of an adopted session, too.
    pub kill: bool,
    /// Drop the record and the files of a session that is elsewhere.
    pub forget_elsewhere: bool,
}

impl Default for StopOptions {
    fn default() -> StopOptions {
        StopOptions {
            grace: STOP_GRACE,
            deadline: Deadline::never(),
            recursive: false,
            keep_data: false,
            keep_remains: false,
            dry_run: false,
            gone: BTreeSet::new(),
            remove_worktree: false,
            kill: false,
            forget_elsewhere: false,
        }
    }
}

/// What `stop` did.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// The session.
    pub id: String,
    /// Whether its server was already gone.
    pub was_dead: bool,
    /// Whether only its record was removed, because occtl did not start its server.
    pub forgotten: bool,
    /// How many processes were ended.
    pub processes: usize,
    /// Whether SIGKILL was needed.
    pub killed: bool,
}

/// Stops one session and confirms that nothing of it is left. With `recursive` the sessions that
/// were started from within it are stopped first, and come first in what is returned.
pub fn stop(context: &Context, word: &str, options: &StopOptions) -> Result<Vec<Stopped>> {
    let record = select(context, &context.store.read()?, word)?;
    stop_tree(context, &record, options, &mut BTreeSet::new())
}

/// Stops the dead sessions, all of them as quickly as one, as far as no process and no flag asks
/// for more than to forget them.
pub fn stop_dead(
    context: &Context,
    labels: &Labels,
    options: &StopOptions,
) -> Result<Vec<Stopped>> {
    if options.keep_data || options.remove_worktree || options.dry_run {
        return Ok(Vec::new());
    }
    let records = context.store.read()?.records_where(|record| {
        has_labels(&record.labels, labels)
            && record.adopted_url.is_none()
            && life(context, record) == Life::Dead
    })?;
    let stopped =
        |id: String| Stopped { id, was_dead: true, forgotten: false, processes: 0, killed: false };
    Ok(forget(context, &records)?.into_iter().map(stopped).collect())
}

/// The ids of all sessions with these labels but those that are elsewhere, which only a command
/// that names them ends. A session that was started from within another one comes before it.
pub fn ids_here(context: &Context, labels: &Labels) -> Result<Vec<String>> {
    let has_labels = |record: &Record| has_labels(&record.labels, labels);
    let mut records = context.store.read()?.records_where(has_labels)?;
    if !labels.is_empty() {
        sorting::sort_by_key(&mut records, |record| std::cmp::Reverse(record.created()));
    }
    let count = records.len();
    records.retain(|record| life(context, record) != Life::Elsewhere);
    if records.len() < count {
        let elsewhere = count - records.len();
        (context.say)(&format!(
            "{elsewhere} of the sessions live on another machine or in another container"
        ));
    }
    Ok(records.into_iter().map(|record| record.id).collect())
}

/// `above` are the sessions that are being stopped already: a damaged store may say that two of
/// them were started from within each other.
fn stop_tree(
    context: &Context,
    record: &Record,
    options: &StopOptions,
    above: &mut BTreeSet<String>,
) -> Result<Vec<Stopped>> {
    above.insert(record.id.clone());
    let mut nested = nested(context, &context.store.read()?, record)?;
    nested.retain(|one| !above.contains(&one.id) && !options.gone.contains(&one.id));
    let mut stopped = Vec::new();
    // From within a dead one nothing is going on any more, and what it started stands for itself.
    if !nested.is_empty() && !options.recursive && is_here(context, record) {
        let ids: Vec<&str> = nested.iter().map(|one| one.id.as_str()).collect();
        let message =
            format!("sessions were started from within {}: {}", record.id, ids.join(", "));
        return Err(Error::failed(message).hint("stop them first, or use --recursive"));
    }
    if let Some(worktree) = record.worktree.as_ref().filter(|_| options.remove_worktree) {
        check_worktree(context, record, worktree)?;
    }
    if !options.recursive {
        nested.clear();
    }
    // The flags that lose something speak of this session alone; its nested ones keep what they
    // have.
    let others =
        StopOptions { remove_worktree: false, kill: false, keep_remains: false, ..options.clone() };
    for (index, one) in nested.iter().enumerate() {
        // The rest of the time is for the others and for this session.
        let parts = u32::try_from(nested.len() - index).unwrap_or(u32::MAX).saturating_add(1);
        let others = StopOptions { deadline: options.deadline.part(parts), ..others.clone() };
        match stop_tree(context, one, &others, above) {
            Ok(more) => stopped.extend(more),
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    stopped.push(stop_one(context, record, options)?);
    Ok(stopped)
}

/// Whether a session is neither dead nor elsewhere.
fn is_here(context: &Context, record: &Record) -> bool {
    !matches!(life(context, record), Life::Dead | Life::Elsewhere)
}

/// The live sessions that were started from within one.
pub fn nested(context: &Context, document: &Document, record: &Record) -> Result<Vec<Record>> {
    #[derive(serde::Deserialize)]
    struct Parent {
        #[serde(default)]
        parent: Option<String>,
    }
    let parents = document.each(|id, one: Parent| (id.to_string(), one.parent))?;
    let below = |(id, parent): &(String, Option<String>)| {
        parent.as_ref() == Some(&record.id) && *id != record.id
    };
    let mut found = Vec::new();
    for (id, _) in parents.iter().filter(|one| below(one)) {
        found.extend(document.record(id)?.filter(|one| is_here(context, one)));
    }
    Ok(found)
}

/// Drops the record and the files of a session whose server may still run in another place.
fn forget_elsewhere(
    context: &Context,
    record: &Record,
    now: &Life,
    options: &StopOptions,
) -> Result<Stopped> {
    let id = record.id.clone();
    if !options.forget_elsewhere {
        return Err(elsewhere(record));
    }
    if let Some(blind) = blind_reason() {
        return Err(Error::failed(format!("session {id} may live here: {blind}"))
            .hint("nothing was forgotten"));
    }
    if *now != Life::Elsewhere {
        return Err(Error::failed(format!("session {id} is not elsewhere"))
            .hint(format!("occtl stop {id} ends it")));
    }
    let stopped = Stopped { id, was_dead: false, forgotten: true, processes: 0, killed: false };
    if options.dry_run {
        return Ok(stopped);
    }
    sweep(context, record);
    context.update(|document| Ok(document.remove(&stopped.id)))?;
    let host = record.host.as_deref().unwrap_or("another machine");
    (context.say)(&format!(
        "the record and the files of {} are gone; its server may still run on {host}",
        stopped.id
    ));
    Ok(stopped)
}

/// What git ignores in a session's worktree; an error unless the worktree can be removed without
/// losing work. Another session may have taken it up.
fn check_worktree(context: &Context, record: &Record, worktree: &Worktree) -> Result<Vec<String>> {
    let is_other = |other: &Record| other.id != record.id && worktree::is_in_it(other, worktree);
    let others = context.store.read()?.records_where(is_other)?;
    if let Some(other) = others.iter().find(|other| life(context, other) != Life::Dead) {
        let message = format!("session {} works in {}", other.id, worktree.path);
        return Err(Error::failed(message).hint(format!("occtl stop {} first", other.id)));
    }
    worktree::check_removable(worktree)
}

fn stop_one(context: &Context, record: &Record, options: &StopOptions) -> Result<Stopped> {
    let id = &record.id;
    let now = life(context, record);
    if options.forget_elsewhere || now == Life::Elsewhere {
        return forget_elsewhere(context, record, &now, options);
    }
    let adopted = record.adopted_url.is_some();
    let forgotten = adopted && !(options.kill && now.server().is_some());
    if options.dry_run {
        let mut processes = 0;
        if !forgotten {
            each(record, now.server(), &mut |_, _| processes += 1);
        }
        let was_dead = now == Life::Dead && processes == 0;
        return Ok(Stopped { id: id.clone(), was_dead, forgotten, processes, killed: false });
    }
    let ended = if forgotten {
        Ended { count: 0, killed: false }
    } else {
        end_processes(record, now.server(), options.grace, options.deadline)?
    };
    if ended.count > 0 && !await_free_port(record, options.deadline) {
        let port = record.port;
        return Err(Error::failed(format!("port {port} of {id} is still taken"))
            .hint(format!("another process listens there: ss -ltnp 'sport = :{port}'")));
    }
    // Before the record goes, so that a `stop` that is interrupted here can be tried again.
    if let Some(worktree) = record.worktree.as_ref().filter(|_| options.remove_worktree) {
        // Its last processes may have written something since the first look.
        let ignored = check_worktree(context, record, worktree)?;
        worktree::name_ignored(worktree, &ignored, context.say);
        worktree::remove(worktree)?;
    }
    if options.keep_remains {
        remains::keep_all(context, record)?;
    } else if options.keep_data && record.isolated.is_some() {
        remains::keep_data(context, record)?;
    }
    // The files go first: on a full disk they are the room in which the store can be written.
    sweep(context, record);
    context.within(options.deadline, || context.update(|document| Ok(document.remove(id))))?;
    say_what_stays(context, record);
    let was_dead = now == Life::Dead && ended.count == 0;
    let (processes, killed) = (ended.count, ended.killed);
    Ok(Stopped { id: id.clone(), was_dead, forgotten, processes, killed })
}
