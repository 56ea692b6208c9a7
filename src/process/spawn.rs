//! Starts programs in process sessions of their own: those that outlive this process, and the
//! guardian, which does not.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::units::{Backoff, Deadline, KILL_WAIT, POLL_FIRST, POLL_LONGEST, pause};

/// Starts a program that outlives this process: in a process session of its own, without input,
/// with its output going to `log`. `environment` is its whole environment.
///
/// With `die_with_us` the kernel kills the program when this process ends, however it ends.
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

/// A second process of this program, in a process session of its own. It ends with this process.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
}

impl Guardian {
    /// Starts the guardian. It reads on its stdin what this process tells it, and the input ends
    /// when this process does.
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

    /// Tells the guardian something short. This never waits, because a pipe has room for it.
    pub fn tell(&self, text: &str) -> io::Result<()> {
        self.child.stdin.as_ref().map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes()))
    }
}

/// Closes the guardian's input and waits until it has ended, so that what it guards has ended too.
/// A guardian that takes longer than [`KILL_WAIT`] is left to itself.
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
