//! Signals processes and waits for them. The pid of a process can be given to another process at
//! any time, so everything here goes through a pidfd. Where the kernel refuses one (gVisor, old
//! seccomp lists), pid and start time are compared right before each signal instead.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::Identity;
use crate::units::{Backoff, Deadline, POLL_FIRST, pause, poll, poll_all};

/// The longest pause between two looks at a process that has no pidfd.
const LOOK_LONGEST: Duration = Duration::from_millis(50);

/// A running process that can be signalled and waited for. If it ends and its pid is given to
/// another process, the handle still means the first one.
#[derive(Debug)]
pub struct Handle {
    way: Way,
}

/// How a process is reached.
#[derive(Debug)]
enum Way {
    /// Through a descriptor that means this process for ever.
    Pidfd(OwnedFd),
    /// By its pid, as long as its start time is still the same.
    Identity(Identity),
}

impl Handle {
    /// Opens the process; `None` if it no longer runs.
    pub fn open(identity: &Identity) -> Option<Handle> {
        let handle = Handle::of(identity.pid)?;
        // From here on the handle means one process for ever, so one look after opening is enough.
        identity.is_alive().then_some(handle)
    }

    /// Opens a child of this process, also one that has ended: until it is waited for, no other
    /// process can have its pid. `None` if that has happened.
    pub fn of_child(child: &Child) -> Option<Handle> {
        Handle::of(child.id())
    }

    /// Opens the process that has this pid now, to be identified before anything is done to it.
    /// `None` if there is no such process, or only a thread.
    pub(super) fn of(pid: u32) -> Option<Handle> {
        let way = match pidfd(pid) {
            Ok(fd) => Way::Pidfd(fd),
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => return None,
            Err(_) => Way::Identity(Identity::of(pid)?),
        };
        Some(Handle { way })
    }

    /// Asks the process to end. An error means that it has already ended.
    pub fn terminate(&self) -> io::Result<()> {
        self.signal(Signal::TERM)?;
        // A stopped process receives the signal only when it continues. Another one may have ended
        // by now, which is no error.
        let _ = self.signal(Signal::CONT);
        Ok(())
    }

    /// Stops the process, so that it starts nothing more.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Kills the process.
    pub fn kill(&self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }

    /// Waits for at most `limit`; true if the process has ended. A zombie has ended.
    pub fn wait(&self, limit: Duration) -> bool {
        match &self.way {
            // A pidfd is readable once its process has ended.
            Way::Pidfd(fd) => !poll(fd, PollFlags::IN, limit).is_empty(),
            Way::Identity(identity) => {
                let deadline = Deadline::after(limit);
                let mut pauses = Backoff::new(POLL_FIRST, LOOK_LONGEST);
                while identity.is_alive() {
                    if deadline.expired() {
                        return false;
                    }
                    pause(deadline.remaining(pauses.next()));
                }
                true
            }
        }
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match &self.way {
            Way::Pidfd(fd) => Ok(rustix::process::pidfd_send_signal(fd, signal)?),
            Way::Identity(identity) => {
                let pid = i32::try_from(identity.pid).ok().and_then(Pid::from_raw);
                let pid = pid.filter(|_| identity.is_alive()).ok_or(Errno::SRCH)?;
                Ok(rustix::process::kill_process(pid, signal)?)
            }
        }
    }
}

fn pidfd(pid: u32) -> Result<OwnedFd, Errno> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    rustix::process::pidfd_open(pid, PidfdFlags::empty())
}

/// Why the kernel gives no pidfd of this process itself; `None` if it does.
pub fn pidfd_trouble() -> Option<io::Error> {
    pidfd(std::process::id()).err().map(io::Error::from)
}

/// Waits until all processes have ended or the deadline is reached; true if all have ended.
pub fn wait_all(handles: &[Handle], deadline: Deadline) -> bool {
    handles.iter().all(|handle| handle.wait(deadline.remaining(Duration::MAX)))
}

/// Waits until one of the processes has ended, for at most `limit`. A signal ends the wait early.
pub fn wait_any(handles: &[&Handle], limit: Duration) {
    let mut polled = Vec::new();
    for handle in handles {
        match &handle.way {
            Way::Pidfd(fd) => polled.push(PollFd::new(fd, PollFlags::IN)),
            // It must be looked at again and again.
            Way::Identity(_) => return pause(limit.min(LOOK_LONGEST)),
        }
    }
    poll_all(&mut polled, limit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::own_identity;

    #[test]
    fn another_start_time_is_another_process() {
        let mut own = own_identity();
        assert!(own.is_alive());
        own.start_time += 1;
        assert!(!own.is_alive());
        assert!(Handle::open(&own).is_none());
    }

    #[test]
    fn without_a_pidfd_only_exactly_this_process_is_signalled_and_waited_for() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap();
        let later = Identity { start_time: identity.start_time + 1, ..identity.clone() };
        let other = Handle { way: Way::Identity(later) };
        assert!(other.kill().is_err(), "its pid has another process now");
        assert!(other.wait(Duration::ZERO));
        let handle = Handle { way: Way::Identity(identity) };
        assert!(!handle.wait(Duration::from_millis(20)));
        handle.terminate().unwrap();
        assert!(handle.wait(Duration::from_secs(20)));
        child.wait().unwrap();
        assert!(handle.kill().is_err());
    }
}
