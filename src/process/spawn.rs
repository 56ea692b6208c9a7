//! Starts programs in process sessions of their own: those that outlive this process, and the
//! guardian, which does not.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal};

use super::{Handle, Variables};
use crate::units::{Deadline, KILL_WAIT, POLL_LONGEST, TICK, pause};

/// Lets no child of this process inherit a descriptor above 2. The caller may have left one open:
/// a lock held through it would be held for as long as a server lives, and a test runner would wait
/// for the end of a pipe for as long.
fn keep_descriptors() -> io::Result<()> {
    let listed = fs::read_dir("/proc/self/fd").map(|entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.to_str()?.parse().ok()).collect::<Vec<RawFd>>()
    });
    // Without /proc the usual limit of open files is what can be tried.
    for descriptor in listed.unwrap_or_else(|_| (3..1024).collect()) {
        if descriptor <= 2 {
            continue;
        }
        // SAFETY: the descriptor is borrowed for this call only, which fails if it is closed; what
        // it means to its owner in this process does not change.
        #[allow(unsafe_code)]
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        match fcntl_setfd(descriptor, FdFlags::CLOEXEC) {
            // The listing of /proc/self/fd had a descriptor of its own.
            Ok(()) | Err(Errno::BADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A program that outlives this process: in a process session of its own, without input.
pub struct Detached<'a> {
    /// The program's path.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'a OsStr],
    /// Its whole environment.
    pub variables: &'a Variables,
    /// Its working directory.
    pub directory: &'a Path,
    /// The file that its output goes to.
    pub log: &'a File,
    /// The one descriptor above 2 that it inherits: a lock that it holds for life.
    pub lock: Option<&'a File>,
    /// Whether the kernel kills it when this process ends, however that happens.
    pub dies_with_us: bool,
}

impl Detached<'_> {
    /// Starts the program.
    pub fn spawn(&self) -> io::Result<Child> {
        keep_descriptors()?;
        let mut command = Command::new(self.program);
        command
            .args(self.arguments)
            .env_clear()
            .envs(self.variables.iter())
            .current_dir(self.directory)
            .stdin(Stdio::null())
            .stdout(self.log.try_clone()?)
            .stderr(self.log.try_clone()?);
        let parent = rustix::process::getpid();
        let lock = self.lock.map(File::try_clone).transpose()?;
        let dies_with_us = self.dies_with_us;
        // SAFETY: between fork and exec only system calls are made; nothing allocates or locks.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(move || {
                rustix::process::setsid()?;
                if let Some(lock) = &lock {
                    fcntl_setfd(lock, FdFlags::empty())?;
                }
                if dies_with_us {
                    follow_parent(parent, Signal::KILL)?;
                }
                Ok(())
            });
        }
        command.spawn()
    }
}

/// Lets the kernel send SIGTERM to this process when `parent` ends, which has started it, however
/// that happens. An error if it has ended already.
///
/// A process that does this for itself was started without code between fork and exec, so its
/// parent need not be copied for it: that takes the longer the more memory the parent has.
pub fn terminate_with(parent: u32) -> io::Result<()> {
    let parent = i32::try_from(parent).ok().and_then(Pid::from_raw);
    follow_parent(parent.ok_or(io::ErrorKind::InvalidInput)?, Signal::TERM)
}

/// Lets the kernel send a signal to this process, which was just started, when `parent` ends.
fn follow_parent(parent: Pid, signal: Signal) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(signal))?;
    // The parent may have died before the line above took effect.
    if rustix::process::getppid() == Some(parent) {
        Ok(())
    } else {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// A second process of this program, in a process session of its own. It ends with this process.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    patience: Deadline,
}

impl Guardian {
    /// Starts the guardian. It reads on its stdin what this process tells it, and the input ends
    /// when this process does.
    pub fn start(arguments: &[&OsStr], variables: &Variables) -> io::Result<Guardian> {
        keep_descriptors()?;
        let mut command = Command::new("/proc/self/exe");
        command
            .args(arguments)
            .env_clear()
            .envs(variables.iter())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // SAFETY: between fork and exec only a system call is made; nothing allocates or locks.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?));
        }
        Ok(Guardian { child: command.spawn()?, patience: Deadline::never() })
    }

    /// Tells the guardian something short. This never waits, because a pipe has room for it.
    pub fn tell(&self, text: &str) -> io::Result<()> {
        self.child.stdin.as_ref().map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes()))
    }

    /// Ends it as dropping it does, but waits for it no longer than until `by`.
    pub fn end(mut self, by: Deadline) {
        self.patience = by;
    }
}

/// Closes the guardian's input and waits until it has ended, so that what it guards has ended too.
/// A guardian that takes longer than [`KILL_WAIT`] is left to itself.
impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = self.patience.or_after(KILL_WAIT);
        let handle = Handle::of_child(&self.child);
        while matches!(self.child.try_wait(), Ok(None)) && !deadline.expired() {
            match &handle {
                Some(handle) => drop(handle.wait(deadline.remaining(TICK))),
                None => pause(deadline.remaining(POLL_LONGEST)),
            }
        }
    }
}
