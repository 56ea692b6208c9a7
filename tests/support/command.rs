//! Running a program in a sandbox: to its end (`Run::run`) or beside the test (`Run::spawn`).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::collected::{LateReader, Output};
use super::{processes, rounds, schemas};

/// How long a command may take unless the test says otherwise: generous, because the machine may be
/// busy.
const TIMEOUT: Duration = Duration::from_secs(150);
/// How long stdout and stderr may stay open after the command ended.
const PIPE_WAIT: Duration = Duration::from_secs(5);

/// A command to run, with nothing but the environment of the [`super::sandbox::Sandbox`] that built
/// it.
#[derive(Clone, Debug)]
pub struct Run {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    cwd: PathBuf,
    stdin: Option<Vec<u8>>,
    does_not_block: bool,
    timeout: Duration,
}

impl Run {
    /// A command with exactly this environment.
    pub fn new(
        program: impl Into<PathBuf>,
        environment: BTreeMap<OsString, OsString>,
        cwd: &Path,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment,
            cwd: cwd.to_owned(),
            stdin: None,
            does_not_block: false,
            timeout: TIMEOUT,
        }
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: &[A]) -> Self {
        self.arguments.extend(arguments.iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.remove(name.as_ref());
        self
    }

    /// Sets what the command reads; without it stdin is `/dev/null`.
    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(bytes.as_ref().to_owned());
        self
    }

    /// Gives it a pipe for stdout that does not block, as a Node parent does, and that is not read
    /// before it is full.
    pub fn stdout_that_does_not_block(mut self) -> Self {
        self.does_not_block = true;
        self
    }

    /// Sets where it runs; without it that is the sandbox's workdir.
    pub fn cwd(mut self, path: impl Into<PathBuf>) -> Self {
        self.cwd = path.into();
        self
    }

    /// Sets how long [`Run::run`] lets it take before it kills it and fails the test.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs to the end. A command that ends with a failure is a result; a command that does not end
    /// fails the test.
    #[track_caller]
    pub fn run(self) -> Outcome {
        let timeout = self.timeout;
        self.spawn().wait(timeout)
    }

    /// Starts it and returns at once.
    pub fn spawn(self) -> Running {
        heed_signals();
        let started = Instant::now();
        let name = self.name();
        let is_occtl = self.program == Path::new(env!("CARGO_BIN_EXE_occtl"));
        let (reader, writer) = std::io::pipe().expect("a pipe");
        if self.does_not_block {
            rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).expect("a flag");
        }
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.cwd)
            .stdin(match self.stdin {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        if let (Some(bytes), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            // A command may end without reading its input, so a broken pipe is fine.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let pid = child.id();
        Running {
            name,
            pid,
            words_of_occtl: is_occtl.then_some(self.arguments),
            stdout: Output::collect(LateReader { pipe: reader, late: self.does_not_block, pid }),
            stderr: Output::collect(child.stderr.take().expect("piped")),
            ended: wait_in_background(child, started),
            seen: 0,
        }
    }

    fn name(&self) -> String {
        let program = self.program.file_name().unwrap_or_default();
        std::iter::once(program)
            .chain(self.arguments.iter().map(OsString::as_os_str))
            .map(OsStr::to_string_lossy)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A shell lets what it starts in the background ignore SIGINT, `nohup` lets it ignore SIGHUP, and
/// commands would inherit that from the tests. What is handled here has its usual effect in them.
fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let always = Arc::new(AtomicBool::new(true));
            signal_hook::flag::register_conditional_default(signal, always).expect("a handler");
        }
    });
}

/// Waits on a thread, so that the end is noticed at once and not at the next poll.
fn wait_in_background(mut child: Child, started: Instant) -> Receiver<(ExitStatus, Duration)> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let status = child.wait().expect("a child can be waited for");
        // The receiver is gone when the test does not care how the command ended.
        let _ = sender.send((status, started.elapsed()));
    });
    receiver
}

/// A command that runs beside the test. Dropping this does not end it: the sandbox ends what is
/// left.
pub struct Running {
    name: String,
    pid: u32,
    /// The words behind the program's name, if it is occtl.
    words_of_occtl: Option<Vec<OsString>>,
    stdout: Output,
    stderr: Output,
    ended: Receiver<(ExitStatus, Duration)>,
    /// How many bytes of stdout `wait_for_line` has passed.
    seen: usize,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it wrote to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it wrote to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a complete line on stdout that holds `text`, after the line that was returned
    /// last, and returns it without its line end.
    pub fn wait_for_line(&mut self, text: &str, timeout: Duration) -> String {
        let seen = self.seen;
        let found = self.stdout.wait(timeout, |collected| {
            let mut start = seen;
            for line in collected.bytes[seen..].split_inclusive(|byte| *byte == b'\n') {
                start += line.len();
                let line = String::from_utf8_lossy(line);
                if line.ends_with('\n') && line.contains(text) {
                    return Some((start, line.trim_end().to_owned()));
                }
            }
            None
        });
        let Some((seen, line)) = found else {
            panic!("{}: no line with {text:?} within {timeout:?}{}", self.name, self.streams());
        };
        self.seen = seen;
        line
    }

    /// Waits until stderr holds `text`.
    pub fn wait_for_stderr(&self, text: &str, timeout: Duration) {
        let found = self.stderr.wait(timeout, |collected| {
            String::from_utf8_lossy(&collected.bytes).contains(text).then_some(())
        });
        assert!(
            found.is_some(),
            "{}: no {text:?} on stderr within {timeout:?}{}",
            self.name,
            self.streams()
        );
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        processes::signal(self.pid, signal);
    }

    /// Waits for its end; after `timeout` kills it and fails the test. What occtl printed with
    /// `--json` must be as `docs/json.md` says.
    #[track_caller]
    pub fn wait(self, timeout: Duration) -> Outcome {
        let Ok((status, elapsed)) = self.ended.recv_timeout(timeout) else {
            self.signal(Signal::KILL);
            panic!("{}: still running after {timeout:?}{}", self.name, self.streams());
        };
        // A process that inherited the pipe would make `$(occtl start -q)` hang, so the test fails.
        for (output, name) in [(&self.stdout, "stdout"), (&self.stderr, "stderr")] {
            let closed = output.wait(PIPE_WAIT, |collected| collected.closed.then_some(()));
            assert!(
                closed.is_some(),
                "{}: ended, but something it started still holds its {name}{}",
                self.name,
                self.streams()
            );
        }
        let outcome = Outcome {
            status: status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1),
            signal: status.signal(),
            stdout: self.stdout.text(),
            stdout_bytes: self.stdout.bytes(),
            stderr: self.stderr.text(),
            elapsed,
            name: self.name,
        };
        if let Some(words) = &self.words_of_occtl {
            let (stdout, stderr) = (&outcome.stdout, &outcome.stderr);
            let failed = outcome.status != 0;
            schemas::hold(words, &schemas::Written { stdout, stderr, failed });
        }
        outcome
    }

    fn streams(&self) -> String {
        streams(&self.stdout.text(), &self.stderr.text())
    }
}

fn streams(stdout: &str, stderr: &str) -> String {
    format!("\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
}

/// How a command ended, and what it wrote.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit code, or 128 and the signal.
    pub status: i32,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stdout_bytes: Vec<u8>,
    pub stderr: String,
    pub elapsed: Duration,
    name: String,
}

impl Outcome {
    /// Fails the test unless the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.fails(0)
    }

    /// Fails the test unless the command ended with `status`.
    #[track_caller]
    pub fn fails(self, status: i32) -> Self {
        assert!(
            self.status == status,
            "{}: status {} instead of {status}{}",
            self.name,
            self.status,
            streams(&self.stdout, &self.stderr)
        );
        self
    }

    /// The outcome itself if the command took less than `limit`, which grows with how slow the
    /// machine is just now, and otherwise how long it took.
    pub fn within(self, limit: Duration) -> Result<Self, String> {
        if self.elapsed < limit {
            return Ok(self);
        }
        let slowness = rounds::slowness();
        if self.elapsed < limit * slowness {
            return Ok(self);
        }
        let (name, elapsed) = (&self.name, self.elapsed);
        Err(format!("{name}: {elapsed:?} on a machine that is {slowness} times slower than usual"))
    }

    /// Its stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!(
                "{}: stdout is not JSON: {error}{}",
                self.name,
                streams(&self.stdout, &self.stderr)
            ),
        }
    }

    /// Its stdout as JSON documents, one per line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| match serde_json::from_str(line) {
                Ok(value) => value,
                Err(error) => panic!("{}: {error} in the line {line:?}", self.name),
            })
            .collect()
    }

    /// The error object that `--json` writes to stderr.
    #[track_caller]
    pub fn json_error(&self) -> Value {
        let last = self.stderr.lines().last().unwrap_or_default();
        let value: Value = serde_json::from_str(last).unwrap_or_default();
        assert!(
            value["error"].is_object(),
            "{}: no error object{}",
            self.name,
            streams(&self.stdout, &self.stderr)
        );
        value["error"].clone()
    }
}
