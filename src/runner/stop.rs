//! Ends a session: the server, everything it started, and then the record.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use super::Context;
use super::select::select;
use super::server::{Life, MARK, life, port_free};
use crate::error::{Error, Result};
use crate::process::{self, Handle, Identity, wait_all};
use crate::units::{Backoff, Deadline, KILL_WAIT, POLL_FIRST, STOP_GRACE};

/// What `stop` did.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// The session.
    pub id: String,
    /// Whether its server was already gone.
    pub was_dead: bool,
    /// How many processes were ended.
    pub processes: usize,
    /// Whether SIGKILL was needed.
    pub killed: bool,
}

/// Stops one session and confirms that nothing of it is left.
///
/// With `force` nothing is asked to end, it is ended.
pub fn stop(context: &Context, word: &str, force: bool) -> Result<Stopped> {
    let record = select(&context.store.read()?, word)?;
    let id = &record.id;
    let now = life(&record);
    let server = now.server();
    let grace = if force { Duration::ZERO } else { STOP_GRACE };
    let ended = end_processes(&record, server, grace)?;
    let port = record.port;
    if ended.count > 0 && !await_free_port(port) {
        return Err(Error::failed(format!("port {port} of {id} is still taken"))
            .hint(format!("somebody else listens there: ss -ltnp 'sport = :{port}'")));
    }
    context.update(|document| Ok(document.remove(id)))?;
    let _ = fs::remove_file(context.store.log_path(id));
    let was_dead = now == Life::Dead && ended.count == 0;
    Ok(Stopped { id: id.clone(), was_dead, processes: ended.count, killed: ended.killed })
}

/// The ids of all sessions.
pub fn all_ids(context: &Context) -> Result<Vec<String>> {
    Ok(context.store.read()?.ids().map(String::from).collect())
}

/// How processes were ended.
pub struct Ended {
    count: usize,
    killed: bool,
}

/// Ends a session's processes: the server, and whatever carries its mark. SIGTERM, `grace`, SIGKILL;
/// looks again until there is nothing, because what is being ended may still start something.
pub fn end_processes(
    record: &crate::store::Record,
    server: Option<&Identity>,
    grace: Duration,
) -> Result<Ended> {
    let mut asked: HashSet<u32> = HashSet::new();
    let mut killed = false;
    let grace = Deadline::after(grace);
    let limit = grace_and(KILL_WAIT, grace);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    loop {
        let mut left = process::marked(MARK, &record.id);
        left.extend(server.filter(|server| !left.contains(server) && server.alive()).cloned());
        if left.is_empty() {
            return Ok(Ended { count: asked.len(), killed });
        }
        if limit.expired() {
            let pids: Vec<String> = left.iter().map(|one| one.pid.to_string()).collect();
            let message = format!("session {} has processes that do not end", record.id);
            return Err(Error::failed(message).hint(format!("pids {}", pids.join(", "))));
        }
        let mut handles = Vec::new();
        for one in &left {
            let Some(handle) = Handle::open(one) else { continue };
            let first = asked.insert(one.pid);
            if grace.expired() {
                killed |= handle.kill().is_ok();
            } else if first {
                let _ = handle.terminate();
            }
            handles.push(handle);
        }
        // A pidfd tells the end more truly than /proc, where threads may still hold the port.
        let pause = if grace.expired() { KILL_WAIT } else { pauses.next() };
        wait_all(&handles, limit.or_after(pause));
    }
}

fn grace_and(extra: Duration, grace: Deadline) -> Deadline {
    Deadline::after(grace.remaining(Duration::MAX).saturating_add(extra))
}

fn await_free_port(port: u16) -> bool {
    let deadline = Deadline::after(KILL_WAIT);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    while !port_free(port) {
        if deadline.expired() {
            return false;
        }
        process::pause(pauses.next());
    }
    true
}
