//! Ends the processes of a session, and removes the files that it had for itself.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::isolate;
use super::worktree;
use crate::error::{Error, Result};
use crate::process::{self, Handle, Identity, wait_all};
use crate::runner::context::Context;
use crate::runner::session::address::{is_port_free, listening_address, look_up};
use crate::runner::session::life::MARK;
use crate::store::{Record, Status};
use crate::units::{Backoff, Deadline, KILL_WAIT, POLL_FIRST, pause};

/// How many processes are waited for at once: each takes a descriptor.
const WAITED_FOR: usize = 256;

/// How much of a limited time is kept for SIGKILL and for what comes after it.
const KILL_RESERVE: Duration = Duration::from_secs(1);

/// How long processes are waited for after SIGKILL even if there is no time left.
const KILL_LEAST: Duration = Duration::from_millis(500);

/// How processes were ended.
pub struct Ended {
    /// How many.
    pub count: usize,
    /// Whether SIGKILL was needed.
    pub killed: bool,
}

/// How long a forked child may take until it runs its own program, on a machine that is busy.
const FORK_BECOMES_SERVER: Duration = Duration::from_millis(300);

/// Ends a session's processes: the server, and every process that carries its mark. SIGTERM,
/// `grace`, SIGKILL; looks again until there is nothing, because what is being ended may still
/// start something. All of it is over at the deadline, or as soon after it as SIGKILL allows. What
/// does not end is an error that names the pids; its record must stay.
pub fn end_processes(
    record: &Record,
    server: Option<&Identity>,
    grace: Duration,
    deadline: Deadline,
) -> Result<Ended> {
    // A child that was just forked carries the mark only once it has become the server.
    let own = std::process::id();
    if record.status() == Status::Starting && record.pid != Some(own) && server.is_none() {
        pause(FORK_BECOMES_SERVER);
    }
    let time = deadline.remaining(Duration::MAX).max(KILL_LEAST);
    let grace = grace.min(time.saturating_sub(KILL_RESERVE));
    let limit = Deadline::after(grace.saturating_add(KILL_WAIT).min(time));
    let grace = Deadline::after(grace);
    let mut ending = Ending { record, server, asked: HashSet::new(), killed: false };
    let mut was_empty = false;
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    loop {
        let kill = grace.expired();
        let Round { left, handles } = if kill { ending.kill() } else { ending.terminate() };
        if left.is_empty() {
            // Something that was being started while we looked is seen by a second look.
            if ending.asked.is_empty() || was_empty {
                return Ok(Ended { count: ending.asked.len(), killed: ending.killed });
            }
            was_empty = true;
            pause(POLL_FIRST);
            continue;
        }
        was_empty = false;
        if limit.expired() {
            let pids: Vec<String> = left.iter().map(u32::to_string).collect();
            let (id, pids) = (&record.id, pids.join(", "));
            let message = format!("session {id} has processes that SIGKILL did not end: {pids}");
            return Err(Error::failed(message).hint(format!("occtl stop {id} tries again")));
        }
        // A pidfd tells the end more truly than /proc, where threads may still hold the port.
        let round = if kill { KILL_WAIT } else { pauses.next() };
        wait_all(&handles, limit.or_after(round));
    }
}

/// The processes of a session while they are being ended.
struct Ending<'a> {
    record: &'a Record,
    server: Option<&'a Identity>,
    /// Every process that got a signal, by pid.
    asked: HashSet<u32>,
    /// Whether SIGKILL was needed.
    killed: bool,
}

/// What one look at the processes found.
struct Round {
    /// The pids that still run.
    left: Vec<u32>,
    /// Handles to wait on, of at most [`WAITED_FOR`] of them.
    handles: Vec<Handle>,
}

impl Ending<'_> {
    /// Sends SIGTERM to each process that has not had it yet.
    fn terminate(&mut self) -> Round {
        let mut round = Round { left: Vec::new(), handles: Vec::new() };
        each(self.record, self.server, &mut |pid, handle| {
            round.left.push(pid);
            if self.asked.insert(pid) {
                let _ = handle.terminate();
            }
            round.keep(handle);
        });
        round
    }

    /// Sends SIGKILL to all of them.
    fn kill(&mut self) -> Round {
        let mut round = Round { left: Vec::new(), handles: Vec::new() };
        // The server first: if this process is killed here, what is left belongs to a dead session.
        if let Some(server) = self.server
            && let Some(handle) = Handle::open(server)
        {
            self.killed |= handle.kill().is_ok();
            self.asked.insert(server.pid);
            round.left.push(server.pid);
            round.keep(handle);
        }
        // The others are stopped before any of them is killed: a process that starts another one as
        // soon as it sees one end sees none end.
        each(self.record, self.server, &mut |_, handle| drop(handle.freeze()));
        each(self.record, self.server, &mut |pid, handle| {
            if !round.left.contains(&pid) {
                round.left.push(pid);
            }
            self.asked.insert(pid);
            self.killed |= handle.kill().is_ok();
            round.keep(handle);
        });
        round
    }
}

impl Round {
    fn keep(&mut self, handle: Handle) {
        if self.handles.len() < WAITED_FOR {
            self.handles.push(handle);
        }
    }
}

/// All processes of a session that run. The server may have been started without the mark.
pub fn each(record: &Record, server: Option<&Identity>, act: &mut dyn FnMut(u32, Handle)) {
    let mut seen = false;
    process::each_marked(MARK, &record.id, &mut |pid, handle| {
        seen |= server.is_some_and(|server| server.pid == pid);
        act(pid, handle);
    });
    if let Some(server) = server.filter(|_| !seen)
        && let Some(handle) = Handle::open(server)
    {
        act(server.pid, handle);
    }
}

/// Waits until the port of a server that was ended is free, and says whether it is. The process is
/// gone a moment before the port: threads of it may still run.
pub fn await_free_port(record: &Record, deadline: Deadline) -> bool {
    let deadline = deadline.or_after(KILL_WAIT);
    let adopted = record.adopted_url.as_deref().map(|url| look_up(url, deadline));
    let mut addresses = adopted.unwrap_or_default();
    if addresses.is_empty() {
        addresses.push(listening_address(record).into());
    }
    let port = record.port;
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    while !addresses.iter().all(|address| is_port_free(*address, port)) {
        if deadline.expired() {
            return false;
        }
        pause(pauses.next());
    }
    true
}

/// Removes the files that a session had for itself. What cannot be removed is for `doctor`.
pub fn sweep(context: &Context, record: &Record) {
    let _ = fs::remove_file(context.store.log_path(&record.id));
    let _ = fs::remove_file(context.store.life_lock_path(&record.id));
    if record.status() == Status::Starting
        && let Some(worktree) = &record.worktree
    {
        worktree::sweep(worktree, context.say);
    }
    if record.isolated.is_some() {
        let _ = isolate::remove(&context.store.isolated_path(&record.id));
    }
}

/// Says that the worktree of a session that is gone is still there, and how it goes.
pub fn say_what_stays(context: &Context, record: &Record) {
    let Some(worktree) = record.worktree.as_ref().filter(|one| Path::new(&one.path).exists())
    else {
        return;
    };
    let is_other = |other: &Record| other.id != record.id && worktree::is_in_it(other, worktree);
    let others = context.store.read().and_then(|document| document.records_where(is_other));
    if others.is_ok_and(|others| !others.is_empty()) {
        return;
    }
    let (path, branch) = (&worktree.path, &worktree.branch);
    let commands = worktree::removal_commands(worktree);
    (context.say)(&format!("worktree {path} (branch {branch}) stays; to remove both: {commands}"));
}
