//! Spawns, identifies, signals and waits for processes. The only home of `unsafe`.
//!
//! Architecture invariant: a pid alone is never trusted. The kernel hands pids out again, so a
//! process is the one we mean only if its start time and the machine's boot agree as well, and a
//! signal goes through a pidfd that was checked after it was opened.

mod programs;
mod sockets;
mod table;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

pub use programs::{Capture, ended_input, feed, read_text, replace};
pub use sockets::listens;
pub use table::{ancestors, command_line, each_marked, environment, marked, with_variable};

use crate::units::{Backoff, Deadline, KILL_WAIT, POLL_FIRST, POLL_LONGEST};

/// One process, told apart from every other that ever had or will have its pid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// Clock ticks between boot and its start: field 22 of `/proc/PID/stat`.
    pub start_time: u64,
    /// `/proc/sys/kernel/random/boot_id` when it ran.
    pub boot_id: String,
}

impl Identity {
    /// Who has this pid now; `None` if nobody, or only a zombie.
    pub fn of(pid: u32) -> Option<Identity> {
        Some(Identity { pid, start_time: start_time(pid)?, boot_id: boot_id() })
    }

    /// Whether exactly this process still runs.
    pub fn alive(&self) -> bool {
        Identity::of(self.pid).as_ref() == Some(self)
    }
}

/// This process.
pub fn own_identity() -> Identity {
    Identity::of(std::process::id()).unwrap_or(Identity {
        pid: std::process::id(),
        start_time: 0,
        boot_id: boot_id(),
    })
}

/// The user id that this process acts as.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// How many descriptors this process may have open.
pub fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX)
}

/// The current boot of this machine; empty where `/proc` does not tell.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_string()
}

fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_start_time(&stat)
}

fn parse_start_time(stat: &str) -> Option<u64> {
    // The second field is the program's name in brackets and may itself hold spaces and brackets.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// A running process that can be signalled and waited for without any race over its pid.
#[derive(Debug)]
pub struct Handle {
    fd: OwnedFd,
}

impl Handle {
    /// Opens the process; `None` if it no longer runs.
    pub fn open(identity: &Identity) -> Option<Handle> {
        let handle = Handle::of(identity.pid)?.ok()?;
        // From here on the descriptor names one process for ever, so this look is the last needed.
        identity.alive().then_some(handle)
    }

    /// Opens whoever has this pid now, to be looked at before anything is done to it; `None` if that
    /// is nobody, or only a thread.
    fn of(pid: u32) -> Option<io::Result<Handle>> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Some(Ok(Handle { fd })),
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Asks the process to end. An error means that it is gone already.
    pub fn terminate(&self) -> io::Result<()> {
        rustix::process::pidfd_send_signal(&self.fd, Signal::TERM)?;
        // One that is stopped takes it only when it goes on.
        Ok(rustix::process::pidfd_send_signal(&self.fd, Signal::CONT)?)
    }

    /// Holds the process still, so that it starts nothing more.
    pub fn freeze(&self) -> io::Result<()> {
        Ok(rustix::process::pidfd_send_signal(&self.fd, Signal::STOP)?)
    }

    /// Ends the process.
    pub fn kill(&self) -> io::Result<()> {
        Ok(rustix::process::pidfd_send_signal(&self.fd, Signal::KILL)?)
    }

    /// Waits for at most `limit`; true if it has ended. A zombie has ended.
    pub fn wait(&self, limit: Duration) -> bool {
        readable(&self.fd, limit)
    }
}

/// Waits until all processes have ended or the deadline is reached; true if all have ended.
pub fn wait_all(handles: &[Handle], deadline: Deadline) -> bool {
    handles.iter().all(|handle| handle.wait(deadline.remaining(Duration::MAX)))
}

/// Sleeps; a signal ends it early.
pub fn pause(limit: Duration) {
    let _ = rustix::event::poll(&mut [], Some(&timespec(limit)));
}

fn readable(fd: impl AsFd, limit: Duration) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    matches!(rustix::event::poll(&mut fds, Some(&timespec(limit))), Ok(1..))
}

fn timespec(limit: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX).min(i64::from(i32::MAX)),
        tv_nsec: limit.subsec_nanos().into(),
    }
}

/// Starts a program that outlives us: in a session of its own, with nothing to read and everything
/// that it prints going to `log`. `environment` is all that it gets.
///
/// With `die_with_us` the kernel kills it when this process ends, however that comes about.
pub fn spawn_detached(
    program: &Path,
    arguments: &[&OsStr],
    environment: &[(OsString, OsString)],
    directory: &Path,
    log: &File,
    die_with_us: bool,
) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?);
    let parent = rustix::process::getpid();
    // SAFETY: between fork and exec only system calls are made; nothing allocates or locks.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            if die_with_us {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                // The parent may have died before the line above took effect.
                if rustix::process::getppid() != Some(parent) {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
            Ok(())
        });
    }
    command.spawn()
}

/// This program once more, in a session of its own, for as long as we live.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
}

impl Guardian {
    /// Starts it. Its stdin is what we tell it, and ends when this process does.
    pub fn start(
        arguments: &[&OsStr],
        environment: &[(OsString, OsString)],
    ) -> io::Result<Guardian> {
        let mut command = Command::new("/proc/self/exe");
        command
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // SAFETY: between fork and exec only a system call is made; nothing allocates or locks.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?));
        }
        Ok(Guardian { child: command.spawn()? })
    }

    /// Tells it something short, which never waits: a pipe takes it.
    pub fn tell(&self, text: &str) -> io::Result<()> {
        self.child.stdin.as_ref().map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes()))
    }
}

/// Lets it go, and waits until it has gone: who drops it has ended what it guards. If something is
/// left all the same, it goes on without us.
impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Deadline::after(KILL_WAIT);
        let mut pauses = Backoff::new(POLL_FIRST, POLL_LONGEST);
        while matches!(self.child.try_wait(), Ok(None)) && !deadline.expired() {
            pause(deadline.remaining(pauses.next()));
        }
    }
}

/// A signal that comes so soon after the first one is the same: `timeout` sends its own to the program and
/// then to the program's whole group.
const SAME_SIGNAL_MS: u64 = 200;

/// Puts signals into `received` from now on; a second one ends the process, and so does the first while
/// `at_once` is set.
pub fn catch(
    signals: [i32; 2],
    received: &Arc<AtomicUsize>,
    at_once: &Arc<AtomicBool>,
) -> io::Result<()> {
    let (began, first) = (Instant::now(), Arc::new(AtomicU64::new(u64::MAX)));
    for signal in signals {
        let (received, at_once, first) = (received.clone(), at_once.clone(), first.clone());
        let handler = move || {
            let now = began.elapsed().as_millis() as u64;
            let since_first = now.saturating_sub(first.fetch_min(now, Ordering::Relaxed));
            if at_once.load(Ordering::Relaxed) || since_first > SAME_SIGNAL_MS {
                signal_hook::low_level::exit(128 + signal);
            }
            received.store(signal as usize, Ordering::Relaxed);
        };
        // SAFETY: the handler reads the clock and touches atomics; it neither allocates nor locks.
        #[allow(unsafe_code)]
        unsafe {
            signal_hook::low_level::register(signal, handler)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_time_is_found_behind_any_program_name() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987 20";
        assert_eq!(parse_start_time(stat), Some(987));
        assert_eq!(parse_start_time("42 (x) Z 1 2 3"), None);
        assert_eq!(parse_start_time("nonsense"), None);
    }

    #[test]
    fn another_start_time_is_another_process() {
        let mut own = own_identity();
        assert!(own.alive());
        own.start_time += 1;
        assert!(!own.alive());
        assert!(Handle::open(&own).is_none());
    }
}
