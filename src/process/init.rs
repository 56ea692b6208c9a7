//! What the first process of a container does: runs one command, hands signals on to it, takes in
//! what loses its parent, and ends what is left.

use std::collections::HashSet;
use std::io::{self, PipeReader};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

use super::descendants::{become_subreaper, each_descendant, end_descendants, reap};
use super::signals::is_ignored;
use crate::units::{Deadline, KILL_WAIT, TICK, poll};

/// The signals that are handed on. The others keep their meaning for this process.
const HANDED_ON: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
/// Those that ask a process to end.
const END: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
/// Those that the keys of a terminal send to every process of its foreground group.
const KEYS: [i32; 2] = [SIGINT, SIGQUIT];

/// How the work of [`supervise`] came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command ended with this status.
    Status(u8),
    /// This signal ended the command, or the wait if there is no command.
    Signal(u8),
}

/// Runs a command until it ends, or waits for a signal if there is none. Orphans become children of
/// this process and are reaped. What still runs then gets SIGTERM, and SIGKILL after `grace` or at
/// a further signal. Also returns the pids of what not even SIGKILL has ended.
pub fn supervise(
    command: Option<&mut Command>,
    grace: Duration,
) -> io::Result<(Outcome, Vec<u32>)> {
    become_subreaper()?;
    let signals = Pending::collect()?;
    let outcome = match command {
        Some(command) => attend(command, &signals)?,
        None => sit(&signals),
    };
    Ok((outcome, end(&signals, grace)))
}

/// Runs the command to its end.
fn attend(command: &mut Command, signals: &Pending) -> io::Result<Outcome> {
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::Other)?;
    loop {
        // Until it is reaped here no other process can have its pid.
        while let Ok(Some((ended, status))) = wait(WaitOptions::NOHANG) {
            if ended == pid {
                return Ok(outcome(status));
            }
        }
        for signal in signals.take() {
            // What a key sends reaches the command without us: it is in the same process group.
            if !(KEYS.contains(&signal) && is_in_foreground())
                && let Some(signal) = Signal::from_named_raw(signal)
            {
                let _ = kill_process(pid, signal);
            }
        }
        signals.wait(Duration::MAX);
    }
}

/// Reaps until a signal asks this process to end.
fn sit(signals: &Pending) -> Outcome {
    loop {
        reap();
        if let Some(signal) = signals.take().into_iter().find(|signal| END.contains(signal)) {
            return Outcome::Signal(signal as u8);
        }
        signals.wait(Duration::MAX);
    }
}

/// Ends all descendants, and gives the pids of those that do not end.
fn end(signals: &Pending, grace: Duration) -> Vec<u32> {
    let deadline = Deadline::after(grace);
    let mut asked = HashSet::new();
    loop {
        reap();
        let mut left = 0;
        each_descendant(&mut |pid, handle| {
            left += 1;
            if asked.insert(pid) {
                let _ = handle.terminate();
            }
        });
        if left == 0 {
            return Vec::new();
        }
        let is_hurried = signals.take().into_iter().any(|signal| END.contains(&signal));
        if is_hurried || deadline.expired() {
            return end_descendants(Deadline::after(KILL_WAIT));
        }
        // The end of a child wakes this process; one that was started meanwhile does not.
        signals.wait(deadline.remaining(TICK));
    }
}

fn outcome(status: WaitStatus) -> Outcome {
    match (status.exit_status(), status.terminating_signal()) {
        (_, Some(signal)) => Outcome::Signal(signal as u8),
        (code, None) => Outcome::Status(code.unwrap_or(1) as u8),
    }
}

/// Whether the keys of the terminal send their signals to this process and its group.
fn is_in_foreground() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    let group = terminal.ok().and_then(|tty| rustix::termios::tcgetpgrp(tty).ok());
    group.is_some() && group == Some(rustix::process::getpgrp())
}

/// Signals that have arrived and are still to be acted on.
struct Pending {
    /// A bit for each number.
    bits: Arc<AtomicU64>,
    /// Readable as soon as there is one, so that none is missed between a look and a wait.
    wakes: PipeReader,
}

impl Pending {
    /// From now on signals are collected, unless they are ignored (`nohup`).
    fn collect() -> io::Result<Pending> {
        let (wakes, writer) = io::pipe()?;
        fcntl_setfl(&wakes, OFlags::NONBLOCK)?;
        fcntl_setfl(&writer, OFlags::NONBLOCK)?;
        let (bits, writer) = (Arc::new(AtomicU64::new(0)), Arc::new(writer));
        let kept = HANDED_ON.into_iter().filter(|signal| !is_ignored(*signal));
        for signal in kept.chain([SIGCHLD]) {
            let (bits, writer) = (bits.clone(), writer.clone());
            let handler = move || {
                bits.fetch_or(1 << signal, Ordering::Relaxed);
                // A full pipe wakes as well.
                let _ = rustix::io::write(&*writer, &[0]);
            };
            // SAFETY: the handler touches an atomic and makes a system call that does not block; it
            // neither allocates nor locks.
            #[allow(unsafe_code)]
            unsafe {
                signal_hook::low_level::register(signal, handler)?;
            }
        }
        Ok(Pending { bits, wakes })
    }

    /// Waits for at most `limit` until a signal arrives that was not taken yet.
    fn wait(&self, limit: Duration) {
        poll(&self.wakes, PollFlags::IN, limit);
    }

    /// The signals that have arrived since the last call; SIGCHLD only wakes.
    fn take(&self) -> Vec<i32> {
        let mut buffer = [0; 256];
        while matches!(rustix::io::read(&self.wakes, &mut buffer), Ok(256)) {}
        let bits = self.bits.swap(0, Ordering::Relaxed);
        HANDED_ON.into_iter().filter(|signal| bits & 1 << signal != 0).collect()
    }
}
