//! The only writer of stdout and stderr.

mod column;
mod escape;
pub mod file;
mod fit;
mod patient;
mod status;
mod table;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use serde::Serialize;

use crate::error::{Error, Reason, Result};
use crate::runner::Signals;
use crate::units::{TICK, call_while_waiting, poll};
pub use escape::{escape, one_line};
use patient::Patient;
pub use status::Detail;
use status::StatusLine;
pub use table::{Cell, Colour};

/// Size of the buffer for JSON, in bytes. Longer lines of text are written without being copied.
const BUFFER: usize = 64 << 10;

/// The width of what is wrapped where there is no terminal, in columns.
const WIDTH: usize = 80;

/// How many bytes a pipe accepts without blocking when it polls as writable (PIPE_BUF).
const PIPE_ROOM: usize = 4096;

/// Where results go.
pub struct Output {
    colour: bool,
    closed: bool,
}

impl Output {
    /// `when` is the value of `--color`. With `auto`, `NO_COLOR` and `TERM=dumb` turn colours off.
    pub fn new(when: &str) -> Output {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let colour = match when {
            "always" => true,
            "never" => false,
            _ => io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb(),
        };
        Output { colour, closed: false }
    }

    /// Whether stdout is a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// How many columns the terminal has; `None` if stdout is no terminal, or it does not tell.
    /// Nothing is shortened then.
    pub fn columns(&self) -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    }

    /// How many columns a text that is wrapped may have: as many as the terminal.
    pub fn width(&self) -> usize {
        self.columns().unwrap_or(WIDTH)
    }

    /// Whether the reader of stdout has closed it, so that there is nothing more to write.
    pub fn is_closed(&self) -> bool {
        self.closes_within(Duration::ZERO)
    }

    /// Waits for that long, or until the reader of stdout closes it. Whether it has closed it.
    pub fn closes_within(&self, wait: Duration) -> bool {
        if self.closed {
            return true;
        }
        // A pipe without a reader polls as POLLERR, so nothing has to be written to find out.
        poll(io::stdout(), PollFlags::empty(), wait).contains(PollFlags::ERR)
    }

    /// Writes text unchanged and unbuffered. A closed pipe is not an error; a full disk is.
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.write_bytes(text.as_bytes())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        clear_status();
        if self.closed {
            return Ok(());
        }
        let written = Patient(io::stdout()).write_all(bytes);
        note_output(bytes);
        self.check(written)
    }

    /// Like `write`, for a reader that may have stopped reading. False if `enough()` became true
    /// before everything was written.
    pub fn write_unless(&mut self, text: &str, enough: impl Fn() -> bool) -> Result<bool> {
        for piece in text.as_bytes().chunks(PIPE_ROOM) {
            while !self.closed && poll(io::stdout(), PollFlags::OUT, TICK).is_empty() {
                if enough() {
                    return Ok(false);
                }
            }
            self.write_bytes(piece)?;
        }
        Ok(true)
    }

    /// A closed pipe is not an error.
    fn check(&mut self, written: io::Result<()>) -> Result<()> {
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Error::failed(format!("cannot write to stdout: {error}"))),
        }
    }

    /// Writes a line.
    pub fn line(&mut self, text: &str) -> Result<()> {
        // One system call instead of two, unless that means copying a large text.
        if text.len() < BUFFER {
            return self.write(&format!("{text}\n"));
        }
        self.write(text)?;
        self.write("\n")
    }

    /// Writes what was done to what: `Stopped: oc-…`; or only the id. Ids of servers are escaped.
    pub fn done(&mut self, verb: &str, id: &str, only_id: bool) -> Result<()> {
        let id = one_line(id);
        if only_id { self.line(&id) } else { self.line(&format!("{verb}: {id}")) }
    }

    /// Writes one JSON document and a newline. It is not built up in memory first, because it may
    /// hold whole conversations.
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        clear_status();
        if self.closed {
            return Ok(());
        }
        let mut out = BufWriter::with_capacity(BUFFER, Patient(io::stdout()));
        let plain: &mut dyn Write = &mut out;
        let written = serde_json::to_writer(plain, value).map_err(io::Error::from);
        let written = written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        note_output(b"\n");
        self.check(written)
    }

    /// The text in a colour, unless colours are off.
    pub fn paint(&self, text: &str, colour: Colour) -> String {
        let code = match colour {
            Colour::Plain => return text.into(),
            Colour::Bold => "1",
            Colour::Green => "32",
            Colour::Yellow => "33",
            Colour::Red => "31",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}

/// Whether the terminal does not understand escape sequences.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The width of a terminal that does not tell.
const USUAL_COLUMNS: usize = 80;

/// The status line; `None` where none can be shown.
static STATUS: Mutex<Option<StatusLine>> = Mutex::new(None);

/// Whether the line is on the terminal, for a signal's handler: it must not wait for the lock.
static IS_STATUS_SHOWN: AtomicBool = AtomicBool::new(false);

fn status_line() -> MutexGuard<'static, Option<StatusLine>> {
    STATUS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a status line can be shown: on a terminal in whose foreground this process is.
pub fn shows_status() -> bool {
    io::stderr().is_terminal() && !is_dumb() && is_in_foreground()
}

fn is_in_foreground() -> bool {
    let own = rustix::process::getpgrp();
    rustix::termios::tcgetpgrp(io::stderr()).is_ok_and(|foreground| foreground == own)
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    if size == 0 { USUAL_COLUMNS } else { size.into() }
}

/// Says what the command waits for. If that takes long, a line on the terminal shows it, until the
/// next output.
pub fn status(text: &str) {
    let mut line = status_line();
    if line.is_none() && shows_status() {
        call_while_waiting(update_status);
        Signals::call_before_end(erase_at_end);
        *line = Some(StatusLine::new(Instant::now()));
    }
    if let Some(line) = line.as_mut() {
        line.set(Some(text));
    }
    drop(line);
    update_status();
}

/// Says more of what the command waits for. From now on text on stdout is a part of that.
pub fn status_detail(detail: Detail) {
    if let Some(line) = status_line().as_mut() {
        line.detail(detail);
    }
}

/// Shows what is new of it, unless that would have to wait: the terminal may be stopped (Ctrl-S),
/// and limits and signals hold all the same.
fn update_status() {
    // The poll below is a wait, too, and comes here again.
    let Ok(mut line) = STATUS.try_lock() else { return };
    let now = Instant::now();
    if let Some(line) = line.as_mut()
        && line.is_due(now)
        && shows_status()
        && poll(io::stderr(), PollFlags::OUT, Duration::ZERO).contains(PollFlags::OUT)
        && let Some(sequence) = line.draw(columns(), now)
    {
        IS_STATUS_SHOWN.store(true, Ordering::Relaxed);
        let _ = io::stderr().write_all(sequence.as_bytes());
    }
}

/// Removes the status line. It appears again if the command goes on waiting.
pub fn clear_status() {
    let now = Instant::now();
    if let Some(sequence) = status_line().as_mut().and_then(|line| line.erase(now)) {
        IS_STATUS_SHOWN.store(false, Ordering::Relaxed);
        let _ = io::stderr().write_all(sequence.as_bytes());
    }
}

/// Removes the status line where a signal ends the program. The shell's prompt takes its place,
/// also where it stood below some text. The signal's handler calls this, so only system calls are
/// made, and none that waits for a terminal that is stopped.
fn erase_at_end() {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let stderr = io::stderr();
    let mut polled = [PollFd::new(&stderr, PollFlags::OUT)];
    if IS_STATUS_SHOWN.load(Ordering::Relaxed)
        && is_in_foreground()
        && rustix::event::poll(&mut polled, Some(&now)) == Ok(1)
    {
        let _ = rustix::io::write(&stderr, b"\r\x1b[K");
    }
}

/// Removes the status line for good.
pub fn end_status() {
    clear_status();
    if let Some(line) = status_line().as_mut() {
        line.set(None);
    }
}

fn note_output(bytes: &[u8]) {
    if let Some(line) = status_line().as_mut() {
        let text = String::from_utf8_lossy(bytes);
        line.note_output(&text, io::stdout().is_terminal(), columns(), Instant::now());
    }
}

/// Makes sure that what is written to stderr begins a line.
fn begin_line() {
    if let Some(line) = status_line().as_mut() {
        IS_STATUS_SHOWN.store(false, Ordering::Relaxed);
        let _ = io::stderr().write_all(line.begin_line(Instant::now()).as_bytes());
    }
}

/// Prints a message on stderr. That stderr cannot be written is not an error.
pub fn say(text: &str) {
    begin_line();
    let line = format!("occtl: {}\n", escape(text));
    let _ = Patient(io::stderr()).write_all(line.as_bytes());
}

/// Prints lines of our own on stderr as they are.
pub fn explain(text: &str) {
    clear_status();
    let _ = Patient(io::stderr()).write_all(text.as_bytes());
}

/// Says something that only a person wants to know: on a terminal and not in a log.
pub fn notice(text: &str, json: bool) {
    if io::stderr().is_terminal() {
        if json { say_json(text) } else { say(text) }
    }
}

/// The same with `--json`, where everything on stderr is JSON.
pub fn say_json(text: &str) {
    print_json(&serde_json::json!({"notice": text}));
}

fn print_json(value: &serde_json::Value) {
    begin_line();
    let _ = Patient(io::stderr()).write_all(format!("{value}\n").as_bytes());
}

/// Prints all errors but the last one, which the command returns as its own.
pub fn print_all_but_last(mut errors: Vec<Error>, json: bool) -> Option<Error> {
    let last = errors.pop();
    errors.iter().for_each(|error| print_error(error, json));
    last
}

/// Prints an error on stderr.
pub fn print_error(error: &Error, json: bool) {
    if json {
        print_json(&serde_json::json!({"error": {
            "code": error.code.name(), "message": error.message, "hint": error.hint,
            "reason": error.reason.map(Reason::name),
        }}));
    } else {
        say(&error.to_string());
    }
}
