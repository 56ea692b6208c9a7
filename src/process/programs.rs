//! Runs other programs for their output or instead of this one, and reads input from outside.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::OFlags;

use super::Variables;
use crate::units::{Backoff, Deadline, POLL_FIRST, POLL_LONGEST, TICK, pause, poll};

/// All of stdin, once it has ended; empty if it is not UTF-8.
pub fn ended_input() -> String {
    io::read_to_string(io::stdin()).unwrap_or_default()
}

/// Reads a file that the user named, or stdin if the path is `-`. The file may be a pipe without a
/// writer, or a device without an end: reading ends after `limit` and beyond `most` bytes.
pub fn read_input(path: &Path, most: usize, limit: Duration) -> io::Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        // Other processes may use the same open file, so it stays as it is: not to block is a
        // property that they would share.
        return read_within(io::stdin().as_fd().try_clone_to_owned()?.into(), most, limit);
    }
    let mut options = File::options();
    let file = options.read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?;
    read_within(file, most, limit)
}

/// Reads only when there is something to read or nothing more to come: a pipe that does not block
/// reads as empty as long as it has no writer.
fn read_within(mut file: File, most: usize, limit: Duration) -> io::Result<Vec<u8>> {
    let deadline = Deadline::after(limit);
    let mut content = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        if poll(&file, PollFlags::IN, deadline.remaining(TICK)).is_empty() {
            if deadline.expired() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            continue;
        }
        match file.read(&mut chunk) {
            Ok(0) => return Ok(content),
            Ok(count) => content.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if content.len() > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}

/// Starts a program that finds `text` on its stdin, and waits neither until it reads nor until it
/// ends. Its output is discarded.
pub fn feed(command: &mut Command, text: &str) -> io::Result<()> {
    let input = in_memory(text.as_bytes())?;
    // After it has ended it stays a zombie until this process ends, which is soon.
    command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}

/// A file in memory, at its beginning. With a pipe this process would have to wait for a program
/// that does not read.
pub(super) fn in_memory(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("stdin", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// Becomes another program, in the same process and terminal. `variables` are its whole
/// environment. Returns only if that fails.
pub fn replace(program: &Path, arguments: &[OsString], variables: &Variables) -> io::Error {
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    command.envs(variables.iter()).exec()
}

/// A program whose output is collected while this process does other work.
#[derive(Debug)]
pub struct Capture {
    child: Child,
}

impl Capture {
    /// Starts the program without input. Its stderr is discarded.
    pub fn start(command: &mut Command) -> io::Result<Capture> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(Capture { child: child.spawn()? })
    }

    /// The whole output, if the program ends with status 0 before the deadline. The program does
    /// not run afterwards.
    pub fn finish(mut self, deadline: Deadline) -> Option<Vec<u8>> {
        let mut output = Vec::new();
        let mut chunk = [0; 16 * 1024];
        let mut pipe = self.child.stdout.take()?;
        loop {
            if poll(&pipe, PollFlags::IN, deadline.remaining(Duration::MAX)).is_empty() {
                if deadline.expired() {
                    return None;
                }
                continue;
            }
            match pipe.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => output.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        // A program may close its output and keep running, so the end of the pipe is not enough.
        let mut pauses = Backoff::new(Duration::from_micros(100), POLL_LONGEST.min(POLL_FIRST));
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.success().then_some(output),
                Ok(None) if !deadline.expired() => pause(pauses.next()),
                _ => return None,
            }
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            // A program that waits for a dead network mount does not end, and is left to itself.
            let deadline = Deadline::after(TICK);
            let mut pauses = Backoff::new(Duration::from_micros(100), POLL_LONGEST);
            while matches!(self.child.try_wait(), Ok(None)) && !deadline.expired() {
                pause(pauses.next());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_ends_at_its_deadline() {
        let capture = Capture::start(Command::new("sleep").arg("60")).unwrap();
        assert_eq!(capture.finish(Deadline::after(Duration::from_millis(20))), None);
    }

    #[test]
    fn a_capture_of_a_failing_program_is_none() {
        let deadline = Deadline::after(Duration::from_secs(10));
        let failing = Capture::start(Command::new("sh").args(["-c", "echo x; exit 3"])).unwrap();
        assert_eq!(failing.finish(deadline), None);
        let good = Capture::start(Command::new("sh").args(["-c", "echo x"])).unwrap();
        assert_eq!(good.finish(deadline).as_deref(), Some(&b"x\n"[..]));
    }
}
