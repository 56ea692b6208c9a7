//! Ends a session: the server, everything it started, and then the record.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::time::Duration;

use super::select::select;
use super::server::{Life, MARK, life, listening_address, port_free};
use super::state::{Labels, carries};
use super::{Context, isolate, worktree};
use crate::error::{Code, Error, Result};
use crate::process::{self, Handle, Identity, wait_all};
use crate::store::{Document, Record, Status};
use crate::units::{Backoff, Deadline, KILL_WAIT, POLL_FIRST, STOP_GRACE};

/// How many processes are waited for at once: each takes a descriptor.
const WAITED_FOR: usize = 256;

/// How a session is stopped.
#[derive(Clone, Debug)]
pub struct StopOptions {
    /// How long between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Stop the sessions that were started from within it first.
    pub recursive: bool,
    /// Leave an isolated session's database and state.
    pub keep_data: bool,
    /// Remove the worktree and the branch that were made for it.
    pub remove_worktree: bool,
    /// End the server of an adopted session, too.
    pub kill: bool,
}

impl Default for StopOptions {
    fn default() -> StopOptions {
        StopOptions {
            grace: STOP_GRACE,
            recursive: false,
            keep_data: false,
            remove_worktree: false,
            kill: false,
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
    /// Whether it was only forgotten, because somebody else started its server.
    pub forgotten: bool,
    /// How many processes were ended.
    pub processes: usize,
    /// Whether SIGKILL was needed.
    pub killed: bool,
}

/// Stops one session and confirms that nothing of it is left. With `recursive` those that were
/// started from within it are stopped first, and come first in what is returned.
pub fn stop(context: &Context, word: &str, options: &StopOptions) -> Result<Vec<Stopped>> {
    let record = select(&context.store.read()?, word)?;
    stop_tree(context, &record, options, &mut BTreeSet::new())
}

/// `above` are the sessions that are being stopped already: a damaged store may say that two of them
/// were started from within each other.
fn stop_tree(
    context: &Context,
    record: &Record,
    options: &StopOptions,
    above: &mut BTreeSet<String>,
) -> Result<Vec<Stopped>> {
    above.insert(record.id.clone());
    let mut nested = nested(&context.store.read()?, record)?;
    nested.retain(|one| !above.contains(&one.id));
    let mut stopped = Vec::new();
    // From within a dead one nothing is going on any more, and what it started stands for itself.
    if !nested.is_empty() && !options.recursive && life(record) != Life::Dead {
        let ids: Vec<&str> = nested.iter().map(|one| one.id.as_str()).collect();
        let message =
            format!("sessions were started from within {}: {}", record.id, ids.join(", "));
        return Err(Error::failed(message).hint("stop them first, or use --recursive"));
    }
    if options.remove_worktree
        && let Some(worktree) = &record.worktree
    {
        worktree::check_removable(worktree)?;
    }
    if !options.recursive {
        nested.clear();
    }
    // What belongs to a nested one alone is kept: nobody asked for its loss.
    let others = StopOptions { remove_worktree: false, kill: false, ..options.clone() };
    for one in &nested {
        match stop_tree(context, one, &others, above) {
            Ok(more) => stopped.extend(more),
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    stopped.push(stop_one(context, record, options)?);
    Ok(stopped)
}

/// The live sessions that were started from within one.
pub fn nested(document: &Document, record: &Record) -> Result<Vec<Record>> {
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
        found.extend(document.record(id)?.filter(|one| life(one) != Life::Dead));
    }
    Ok(found)
}

fn stop_one(context: &Context, record: &Record, options: &StopOptions) -> Result<Stopped> {
    let id = &record.id;
    let now = life(record);
    let adopted = record.adopted_url.is_some();
    let forgotten = adopted && !(options.kill && now.server().is_some());
    let ended = match forgotten {
        true => Ended { count: 0, killed: false },
        false => end_processes(record, now.server(), options.grace)?,
    };
    if ended.count > 0 && !adopted && !await_free_port(record) {
        let port = record.port;
        return Err(Error::failed(format!("port {port} of {id} is still taken"))
            .hint(format!("somebody else listens there: ss -ltnp 'sport = :{port}'")));
    }
    // Before the record goes, so that whoever is stopped here can try again.
    if options.remove_worktree
        && let Some(worktree) = &record.worktree
    {
        // Its last processes may have written something since the first look.
        worktree::check_removable(worktree).and_then(|()| worktree::remove(worktree))?;
    }
    if options.keep_data && record.isolated.is_some() {
        let kept = isolate::keep(&context.store.isolated_path(id), &context.store.kept_path(id))?;
        (context.say)(&format!("{} is kept", kept.display()));
    }
    // The files go first: on a full disk they are the room in which the store can be written.
    sweep(context, record);
    context.update(|document| Ok(document.remove(id)))?;
    let was_dead = now == Life::Dead && ended.count == 0;
    let (processes, killed) = (ended.count, ended.killed);
    Ok(Stopped { id: id.clone(), was_dead, forgotten, processes, killed })
}

/// Removes the files that a session had for itself. What cannot be removed is for `doctor`.
pub fn sweep(context: &Context, record: &Record) {
    let _ = fs::remove_file(context.store.log_path(&record.id));
    // The worktree of a session that never ran is as new as the session, and holds nobody's work.
    if record.status() == Status::Starting
        && let Some(worktree) = &record.worktree
        && worktree::check_removable(worktree).is_ok()
    {
        let _ = worktree::remove(worktree);
    }
    if record.isolated.is_some() {
        let _ = isolate::remove(&context.store.isolated_path(&record.id));
    }
}

/// The ids of all sessions that carry these labels.
pub fn all_ids(context: &Context, labels: &Labels) -> Result<Vec<String>> {
    let document = context.store.read()?;
    if labels.is_empty() {
        return Ok(document.ids().map(String::from).collect());
    }
    let mut all = document.records()?;
    all.retain(|one| carries(&one.labels, labels));
    Ok(all.into_iter().map(|one| one.id).collect())
}

/// How processes were ended.
pub struct Ended {
    count: usize,
    killed: bool,
}

/// How long a forked child may take until it runs its own program, on a machine that is busy.
const FORK_BECOMES_SERVER: Duration = Duration::from_millis(300);

/// Ends a session's processes: the server, and whatever carries its mark. SIGTERM, `grace`, SIGKILL;
/// looks again until there is nothing, because what is being ended may still start something.
pub fn end_processes(record: &Record, server: Option<&Identity>, grace: Duration) -> Result<Ended> {
    // A child that was just forked carries the mark only once it has become the server.
    let own = std::process::id();
    if record.status() == Status::Starting && record.pid != Some(own) && server.is_none() {
        process::pause(FORK_BECOMES_SERVER);
    }
    let mut asked: HashSet<u32> = HashSet::new();
    let mut killed = false;
    let mut was_empty = false;
    let grace = Deadline::after(grace);
    let limit = grace_and(KILL_WAIT, grace);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    loop {
        let kill = grace.expired();
        let mut left = Vec::new();
        let mut handles = Vec::new();
        if kill {
            // The server first: if we are killed here, what is left is that of a dead session.
            if let Some(handle) = server.and_then(Handle::open) {
                killed |= handle.kill().is_ok();
                handles.push(handle);
                left.extend(server.map(|server| server.pid));
                asked.extend(&left);
            }
            // The others are held still: what starts one again as soon as it ends sees none end.
            each(record, server, &mut |_, handle| drop(handle.map(|one| one.freeze())));
        }
        each(record, server, &mut |pid, handle| {
            if !left.contains(&pid) {
                left.push(pid);
            }
            let Some(handle) = handle else { return };
            let first = asked.insert(pid);
            if kill {
                killed |= handle.kill().is_ok();
            } else if first {
                let _ = handle.terminate();
            }
            if handles.len() < WAITED_FOR {
                handles.push(handle);
            }
        });
        if left.is_empty() {
            // Something that was being started while we looked is seen by a second look.
            if asked.is_empty() || was_empty {
                return Ok(Ended { count: asked.len(), killed });
            }
            was_empty = true;
            process::pause(POLL_FIRST);
            continue;
        }
        was_empty = false;
        if limit.expired() {
            let pids: Vec<String> = left.iter().map(u32::to_string).collect();
            let message = format!("session {} has processes that do not end", record.id);
            return Err(Error::failed(message).hint(format!("pids {}", pids.join(", "))));
        }
        // A pidfd tells the end more truly than /proc, where threads may still hold the port.
        let pause = if kill { KILL_WAIT } else { pauses.next() };
        wait_all(&handles, limit.or_after(pause));
        if handles.is_empty() {
            process::pause(pauses.next());
        }
    }
}

/// All processes of a session that run. The server may have been started without the mark.
fn each(record: &Record, server: Option<&Identity>, act: &mut dyn FnMut(u32, Option<Handle>)) {
    let mut seen = false;
    process::each_marked(MARK, &record.id, &mut |pid, handle| {
        seen |= server.is_some_and(|server| server.pid == pid);
        act(pid, handle);
    });
    if let Some(server) = server.filter(|server| !seen && server.alive()) {
        act(server.pid, Handle::open(server));
    }
}

fn grace_and(extra: Duration, grace: Deadline) -> Deadline {
    Deadline::after(grace.remaining(Duration::MAX).saturating_add(extra))
}

fn await_free_port(record: &Record) -> bool {
    let (address, port) = (listening_address(record), record.port);
    let deadline = Deadline::after(KILL_WAIT);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    while !port_free(address, port) {
        if deadline.expired() {
            return false;
        }
        process::pause(pauses.next());
    }
    true
}
