//! Signals processes and waits for them, without any race over their pids.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::Identity;
use crate::units::{Deadline, poll};

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
    pub(super) fn of(pid: u32) -> Option<io::Result<Handle>> {
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
