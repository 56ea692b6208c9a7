//! Runs a command of a task (`setup`, a solution, the check) to its end, with everything that it
//! starts.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::site::{MARK, Site};
use crate::runner::programs::{each_marked, end_everything};
use crate::units::{Backoff, Deadline, POLL_FIRST, POLL_LONGEST, milliseconds, pause, poll};

/// How much of an output is kept from its beginning, and as much from its end.
const KEPT: usize = 512 * 1024;

/// How long killed processes may take to end. One that waits for a dead disk never does.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// How long a program that was just written may be busy: another process that was started at the
/// same moment holds it open until it executes its own program.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// Where programs are if the caller has no PATH.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A command.
pub struct Program<'a> {
    /// Program and arguments.
    pub words: &'a [OsString],
    /// Where it runs.
    pub directory: &'a Path,
    /// Its whole environment.
    pub variables: &'a BTreeMap<OsString, OsString>,
    /// How long it may take.
    pub limit: Duration,
    /// The file for what it prints, of which beginning and end are kept.
    pub output: &'a Path,
    /// What ends it at the deadline, before it is killed.
    pub end: &'a dyn Fn(),
}

/// How a command came to its end.
#[derive(Debug)]
pub enum End {
    /// With a status.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// It was ended at its deadline.
    Late,
    /// It was ended because the run was to end.
    Stopped,
    /// It could not be started; the error names the program.
    NotStarted(io::Error),
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// How long it took.
    pub took_ms: u64,
}

/// Runs a command. Nothing that it started is left afterwards.
pub fn run(site: &Site, program: &Program) -> io::Result<Ran> {
    let began = Instant::now();
    let mut output = Output::create(program.output)?;
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(located(&program.words[0], program.directory));
    command
        .args(&program.words[1..])
        .current_dir(program.directory)
        .env_clear()
        .envs(program.variables)
        .env(MARK, site.mark())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let started = spawn(&mut command);
    // The command holds ends of the pipe, which would otherwise never be at its end.
    drop(command);
    let end = match started {
        Err(error) => {
            let told = format!("{}: {error}", program.words[0].display());
            End::NotStarted(io::Error::new(error.kind(), told))
        }
        Ok(mut child) => {
            let end = attend(&mut child, reader, &mut output, &(site, program))?;
            end_all(site, &mut child);
            end
        }
    };
    output.finish()?;
    Ok(Ran { end, took_ms: milliseconds(began.elapsed()) })
}

/// A program with a slash in its name is one of the working directory.
fn located(name: &OsStr, directory: &Path) -> PathBuf {
    match name.as_encoded_bytes().contains(&b'/') {
        true => directory.join(name),
        false => name.into(),
    }
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    let deadline = Deadline::after(BUSY_WAIT);
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && !deadline.expired() =>
            {
                pause(POLL_FIRST);
            }
            started => return started,
        }
    }
}

/// Reads what a command prints until it has ended. What runs on in the background may hold the
/// pipe, so only the command itself is waited for.
fn attend(
    child: &mut Child,
    reader: PipeReader,
    output: &mut Output,
    (site, program): &(&Site, &Program),
) -> io::Result<End> {
    let flags = fcntl_getfl(&reader).unwrap_or(OFlags::empty());
    fcntl_setfl(&reader, flags | OFlags::NONBLOCK)?;
    let mut pipe = Some(reader);
    let deadline = Deadline::after(program.limit);
    let mut pauses = Backoff::new(Duration::from_millis(1), POLL_LONGEST);
    loop {
        if let Some(status) = child.try_wait()? {
            while output.read(&mut pipe)? > 0 && !deadline.expired() {}
            return Ok(ended(status));
        }
        let is_stopped = (site.is_stopped)();
        if is_stopped || deadline.expired() {
            (program.end)();
            output.read(&mut pipe)?;
            return Ok(if is_stopped { End::Stopped } else { End::Late });
        }
        if output.read(&mut pipe)? > 0 {
            pauses = Backoff::new(Duration::from_millis(1), POLL_LONGEST);
            continue;
        }
        let rest = deadline.remaining(pauses.next());
        match &pipe {
            Some(open) => drop(poll(open, PollFlags::IN, rest)),
            None => pause(rest),
        }
    }
}

fn ended(status: ExitStatus) -> End {
    match status.signal() {
        Some(signal) => End::Signal(signal),
        None => End::Status(status.code().unwrap_or(1)),
    }
}

/// Kills a command's group and all that carries the mark of the run; with a process that does
/// nothing else, also all that descends from it.
fn end_all(site: &Site, child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    // Until the command is reaped no other group can have its number. Afterwards the mark finds
    // what is left.
    if let (Ok(None), Some(group)) = (child.try_wait(), group) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let deadline = Deadline::after(ENDS_WITHIN);
    if site.is_alone {
        end_everything(MARK, &site.mark(), deadline);
    } else {
        end_marked(&site.mark(), deadline);
    }
    let mut pauses = Backoff::new(POLL_FIRST, POLL_LONGEST);
    while matches!(child.try_wait(), Ok(None)) && !deadline.expired() {
        pause(pauses.next());
    }
}

/// Kills everything that carries the mark of a run, until nothing is left or it takes too long.
pub fn end_marked(mark: &str, deadline: Deadline) {
    let mut pauses = Backoff::new(POLL_FIRST, POLL_LONGEST);
    loop {
        let mut left = 0;
        each_marked(MARK, mark, &mut |_, handle| {
            left += 1;
            let _ = handle.kill();
        });
        if left == 0 || deadline.expired() {
            return;
        }
        pause(pauses.next());
    }
}

/// A file for an output of any length: its beginning and its end.
struct Output {
    file: File,
    head: usize,
    tail: Vec<u8>,
    left_out: u64,
}

impl Output {
    fn create(path: &Path) -> io::Result<Output> {
        Ok(Output { file: File::create(path)?, head: 0, tail: Vec::new(), left_out: 0 })
    }

    /// Reads one piece without waiting; 0 if there is none.
    fn read(&mut self, pipe: &mut Option<PipeReader>) -> io::Result<usize> {
        let Some(open) = pipe else { return Ok(0) };
        let mut piece = [0; 64 * 1024];
        match open.read(&mut piece) {
            Ok(0) => *pipe = None,
            Ok(length) => {
                self.take(&piece[..length])?;
                return Ok(length);
            }
            Err(_) => {}
        }
        Ok(0)
    }

    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        let (first, rest) = piece.split_at(piece.len().min(KEPT - self.head));
        self.file.write_all(first)?;
        self.head += first.len();
        self.tail.extend_from_slice(rest);
        // Twice as much is let in, so that not every piece moves all that is kept.
        if self.tail.len() > 2 * KEPT {
            self.forget();
        }
        Ok(())
    }

    fn forget(&mut self) {
        let more = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..more);
        self.left_out += more as u64;
    }

    fn finish(mut self) -> io::Result<()> {
        self.forget();
        if self.left_out > 0 {
            writeln!(self.file, "\n[{} bytes are left out here]", self.left_out)?;
        }
        self.file.write_all(&self.tail)
    }
}

/// The environment of everything that belongs to a task and is not its agent: PATH, LANG and TZ
/// are the caller's, `home` and `temporary` private, and the rest is what plan and task say. No
/// key of a provider is in it.
pub fn variables(site: &Site, home: &Path, temporary: &Path) -> BTreeMap<OsString, OsString> {
    let mut all = BTreeMap::new();
    for name in ["LANG", "TZ"] {
        if let Some(value) = site.environment.get(name) {
            all.insert(name.into(), value.into());
        }
    }
    all.insert("PATH".into(), path(site.environment.get("PATH")));
    all.insert("TERM".into(), "dumb".into());
    for (name, value) in site.plan.env.iter().chain(&site.task.env) {
        all.insert(name.into(), value.into());
    }
    all.insert("HOME".into(), home.into());
    all.insert("TMPDIR".into(), temporary.into());
    all
}

/// PATH without places that depend on the working directory: an agent could put programs there.
fn path(given: Option<&OsStr>) -> OsString {
    let given = given.unwrap_or(OsStr::new(USUAL_PATH));
    let absolute = std::env::split_paths(given).filter(|place| place.is_absolute());
    std::env::join_paths(absolute).unwrap_or_else(|_| USUAL_PATH.into())
}
