//! Ends the processes of a session, and removes the files that it had for itself.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use super::isolate;
use super::worktree;
use crate::error::{Error, Result};
use crate::process::{self, Handle, Identity, wait_all};
use crate::runner::context::Context;
use crate::runner::session::address::{listening_address, port_free};
use crate::runner::session::life::MARK;
use crate::store::{Record, Status};
use crate::units::{Backoff, Deadline, KILL_WAIT, POLL_FIRST};

/// How many processes are waited for at once: each takes a descriptor.
const WAITED_FOR: usize = 256;

/// How processes were ended.
pub struct Ended {
    /// How many.
    pub count: usize,
    /// Whether SIGKILL was needed.
    pub killed: bool,
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
pub fn each(record: &Record, server: Option<&Identity>, act: &mut dyn FnMut(u32, Option<Handle>)) {
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

pub fn await_free_port(record: &Record) -> bool {
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
