//! Runs a program to its end, within a limit, with everything that it starts.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::programs::in_memory;
use crate::units::{Backoff, Deadline, POLL_LONGEST, pause};

/// How long the programs have to end after SIGTERM. Git removes what it has half made.
const GRACE: Duration = Duration::from_secs(1);

/// How much of the output is kept: the list of files of a large repository fits.
const LONGEST_OUTPUT: usize = 64 * 1024 * 1024;

/// How much is kept of what the program says on stderr: the end of it says why it failed.
const LONGEST_WORDS: usize = 16 * 1024;

/// How a program came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Status(ExitStatus),
    /// It was ended at the deadline.
    TimedOut,
    /// It was ended because the caller wanted it to stop.
    Stopped,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Attended {
    /// How it ended.
    pub ending: Ending,
    /// What it printed.
    pub output: Vec<u8>,
    /// The end of what it said on stderr.
    pub words: Vec<u8>,
}

/// Runs a program without input until it ends, the deadline passes or `is_stopped`. In the last two
/// cases the program and what it started get SIGTERM and then SIGKILL.
pub fn attend(
    command: &mut Command,
    deadline: Deadline,
    is_stopped: &dyn Fn() -> bool,
) -> io::Result<Attended> {
    command.stdin(Stdio::null());
    watch(command, deadline, is_stopped)
}

/// The same for a program that finds `input` on its stdin.
pub fn attend_fed(
    command: &mut Command,
    input: &[u8],
    deadline: Deadline,
    is_stopped: &dyn Fn() -> bool,
) -> io::Result<Attended> {
    command.stdin(in_memory(input)?);
    watch(command, deadline, is_stopped)
}

fn watch(
    command: &mut Command,
    deadline: Deadline,
    is_stopped: &dyn Fn() -> bool,
) -> io::Result<Attended> {
    // A process group of its own, so that a hook ends together with the git that runs it.
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (mut output, mut words) = (Vec::new(), Vec::new());
    let (mut printed, mut said) = (child.stdout.take(), child.stderr.take());
    let mut pauses = Backoff::new(Duration::from_micros(200), POLL_LONGEST);
    let mut read = |all: bool| {
        let more = take(&mut printed, &mut output, all) | take(&mut said, &mut words, all);
        output.truncate(LONGEST_OUTPUT);
        words.drain(..words.len().saturating_sub(LONGEST_WORDS));
        more
    };
    let ending = loop {
        let more = read(false);
        // What runs on in the background may hold the pipes, so their end says nothing.
        if let Some(status) = child.try_wait()? {
            break Ending::Status(status);
        }
        if is_stopped() || deadline.expired() {
            end_group(&mut child);
            break if is_stopped() { Ending::Stopped } else { Ending::TimedOut };
        }
        if !more {
            pause(deadline.remaining(pauses.next()));
        }
    };
    read(true);
    Ok(Attended { ending, output, words })
}

/// Reads what is there without waiting: one piece, or `all` of it. A program in the background may
/// go on writing, so `all` is at most what a pipe can hold.
fn take(pipe: &mut Option<impl Read + AsFd>, into: &mut Vec<u8>, all: bool) -> bool {
    let Some(open) = pipe else { return false };
    let flags = fcntl_getfl(&*open).unwrap_or(OFlags::empty());
    let _ = fcntl_setfl(&*open, flags | OFlags::NONBLOCK);
    let mut chunk = [0; 64 * 1024];
    for _ in 0..if all { 16 } else { 1 } {
        match open.read(&mut chunk) {
            Ok(0) => {
                *pipe = None;
                return false;
            }
            Ok(count) => into.extend_from_slice(&chunk[..count]),
            Err(_) => return false,
        }
    }
    true
}

/// Ends a program and its process group. It is not waited for longer than [`GRACE`] twice: a
/// process in an uninterruptible system call, for example on a dead network mount, does not end.
fn end_group(child: &mut Child) {
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let _ = kill_process_group(group, Signal::TERM);
    // Until the program is reaped no other group can have its number.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let has_ended = || !matches!(waitid(WaitId::Pid(group), options), Ok(None));
    wait_until(&has_ended);
    let _ = kill_process_group(group, Signal::KILL);
    wait_until(&has_ended);
    let _ = child.try_wait();
}

fn wait_until(is_true: &dyn Fn() -> bool) {
    let deadline = Deadline::after(GRACE);
    let mut pauses = Backoff::new(Duration::from_millis(1), POLL_LONGEST);
    while !is_true() && !deadline.expired() {
        pause(pauses.next());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Attended {
        let mut command = Command::new("sh");
        attend(command.args(["-c", script]), Deadline::after(limit), &|| false).unwrap()
    }

    #[test]
    fn a_child_that_holds_the_pipes_delays_nothing_and_output_is_kept_apart_from_words() {
        let long = Duration::from_secs(60);
        let before = std::time::Instant::now();
        let ended = shell("echo out; echo words >&2; sleep 30 & exit 3", long);
        assert!(before.elapsed() < Duration::from_secs(20));
        let Ending::Status(status) = ended.ending else { panic!("{ended:?}") };
        assert_eq!(status.code(), Some(3));
        assert_eq!((&*ended.output, &*ended.words), (&b"out\n"[..], &b"words\n"[..]));
        let chatty =
            shell("yes | head -c 3000000; yes no | head -c 3000000 >&2; echo end >&2", long);
        assert_eq!(chatty.output.len(), 3_000_000);
        assert_eq!(chatty.words.len(), LONGEST_WORDS);
        assert!(chatty.words.ends_with(b"end\n"));
    }

    #[test]
    fn what_a_late_program_started_ends_with_it() {
        let late = shell("trap '' TERM; sleep 300 & echo $!; wait", Duration::from_millis(200));
        assert_eq!(late.ending, Ending::TimedOut);
        let pid: i32 = String::from_utf8(late.output).unwrap().trim().parse().unwrap();
        let is_there = || std::fs::read_to_string(format!("/proc/{pid}/stat"));
        let runs = || is_there().is_ok_and(|stat| !stat.contains(") Z "));
        wait_until(&|| !runs());
        assert!(!runs(), "{:?}", is_there());
    }
}
