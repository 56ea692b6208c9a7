//! The only writer of stdout and stderr.

mod escape;
pub mod file;
mod table;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::PollFlags;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::units::{TICK, poll};
pub use escape::{escape, one_line};
pub use table::{Cell, Colour};

/// How much is put together for one call of the system; what is larger is not copied.
const BUFFER: usize = 64 << 10;

/// What a pipe takes at once when it says that it takes anything.
const PIPE_ROOM: usize = 4096;

/// Where results go.
pub struct Output {
    colour: bool,
    closed: bool,
}

impl Output {
    /// `when` is the value of `--color`; `NO_COLOR` and `TERM=dumb` speak for `auto`.
    pub fn new(when: &str) -> Output {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let colour = match when {
            "always" => true,
            "never" => false,
            _ => io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb(),
        };
        Output { colour, closed: false }
    }

    /// Whether a person looks at stdout.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether the reader of stdout has gone. Then nothing is worth doing for it any more.
    pub fn is_closed(&self) -> bool {
        self.closes_within(Duration::ZERO)
    }

    /// Waits for that long, or until the reader of stdout goes; whether it has gone.
    pub fn closes_within(&self, wait: Duration) -> bool {
        if self.closed {
            return true;
        }
        // A pipe whose reader has gone reports an error without anything being written.
        poll(io::stdout(), PollFlags::empty(), wait).contains(PollFlags::ERR)
    }

    /// Writes text as it is and at once. A closed pipe is no error; a full disk is.
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.write_bytes(text.as_bytes())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        clear_status();
        if self.closed {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        self.check(written)
    }

    /// The same for a reader that may have stopped to read: false if `enough` before it took all.
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

    /// Nobody who reads any more is no fault.
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
        // One call of the system, unless the copy were large.
        if text.len() < BUFFER {
            return self.write(&format!("{text}\n"));
        }
        self.write(text)?;
        self.write("\n")
    }

    /// Says what was done to one thing, or writes its id alone. An id comes from a server.
    pub fn done(&mut self, verb: &str, id: &str, only_id: bool) -> Result<()> {
        let id = one_line(id);
        if only_id { self.line(&id) } else { self.line(&format!("{verb}: {id}")) }
    }

    /// Writes one JSON document on a line, piece by piece: it may hold whole conversations.
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        clear_status();
        if self.closed {
            return Ok(());
        }
        let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
        let plain: &mut dyn Write = &mut out;
        let written = serde_json::to_writer(plain, value).map_err(io::Error::from);
        let written = written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        self.check(written)
    }

    /// Text in a colour, if there are colours.
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

/// Whether the terminal shows escape sequences as they are.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether there is a status line on the terminal.
static STATUS: AtomicBool = AtomicBool::new(false);

/// Says on a terminal what is waited for, until something else is said or written.
pub fn status(text: &str) {
    if io::stderr().is_terminal() && !is_dumb() {
        clear_status();
        STATUS.store(true, Ordering::Relaxed);
        let _ = write!(io::stderr(), "{}…", one_line(text));
    }
}

/// Takes the status line away.
pub fn clear_status() {
    if STATUS.swap(false, Ordering::Relaxed) {
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
}

/// Says something to whoever watches. Failing to is no reason to stop.
pub fn say(text: &str) {
    clear_status();
    let _ = writeln!(io::stderr(), "occtl: {}", escape(text));
}

/// The same for a program, which reads all of stderr as JSON.
pub fn say_json(text: &str) {
    print_json(&serde_json::json!({"notice": text}));
}

fn print_json(value: &serde_json::Value) {
    clear_status();
    let _ = writeln!(io::stderr(), "{value}");
}

/// Prints all errors but the last one, which is left to be the error of the command.
pub fn print_all_but_last(mut errors: Vec<Error>, json: bool) -> Option<Error> {
    let last = errors.pop();
    errors.iter().for_each(|error| print_error(error, json));
    last
}

/// The one printer of errors.
pub fn print_error(error: &Error, json: bool) {
    if json {
        print_json(&serde_json::json!({"error": {
            "code": error.code.name(), "message": error.message, "hint": error.hint,
        }}));
    } else {
        say(&error.to_string());
    }
}
