//! Signals processes and waits for them. The pid of a process can be given to another process at
//! any time, so everything here goes through a pidfd.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::Identity;
use crate::units::{Deadline, poll};

/// A running process that can be signalled and waited for. If it ends and its pid is given to
/// another process, the handle still means the first one.
#[derive(Debug)]
pub struct Handle {
    fd: OwnedFd,
}

impl Handle {
    /// Opens the process; `None` if it no longer runs.
    pub fn open(identity: &Identity) -> Option<Handle> {
        let handle = Handle::of(identity.pid)?.ok()?;
        // From here on the descriptor means one process for ever, so one look after opening is
        // enough.
        identity.alive().then_some(handle)
    }

    /// Opens the process that has this pid now, to be identified before anything is done to it.
    /// `None` if there is no such process, or only a thread.
    pub(super) fn of(pid: u32) -> Option<io::Result<Handle>> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Some(Ok(Handle { fd })),
            Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Asks the process to end. An error means that it has already ended.
    pub fn terminate(&self) -> io::Result<()> {
        rustix::process::pidfd_send_signal(&self.fd, Signal::TERM)?;
        // A stopped process receives the signal only when it continues.
        Ok(rustix::process::pidfd_send_signal(&self.fd, Signal::CONT)?)
    }

    /// Stops the process, so that it starts nothing more.
    pub fn freeze(&self) -> io::Result<()> {
        Ok(rustix::process::pidfd_send_signal(&self.fd, Signal::STOP)?)
    }

    /// Kills the process.
    pub fn kill(&self) -> io::Result<()> {
        Ok(rustix::process::pidfd_send_signal(&self.fd, Signal::KILL)?)
    }

    /// Waits for at most `limit`; true if the process has ended. A zombie has ended.
    pub fn wait(&self, limit: Duration) -> bool {
        // A pidfd is readable once its process has ended.
        !poll(&self.fd, PollFlags::IN, limit).is_empty()
    }
}

/// Waits until all processes have ended or the deadline is reached; true if all have ended.
pub fn wait_all(handles: &[Handle], deadline: Deadline) -> bool {
    handles.iter().all(|handle| handle.wait(deadline.remaining(Duration::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::own_identity;

    #[test]
    fn another_start_time_is_another_process() {
        let mut own = own_identity();
        assert!(own.alive());
        own.start_time += 1;
        assert!(!own.alive());
        assert!(Handle::open(&own).is_none());
    }
}
