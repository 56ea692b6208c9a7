//! What went wrong, in a form that scripts can branch on and people can act on.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Why a command failed; decides the exit code.
///
/// Names and numbers are a promise to scripts and never change after a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Every failure without a code of its own.
    Failed,
    /// The command line is wrong.
    Usage,
    /// No such session, conversation, turn, ask or file.
    NotFound,
    /// The server is dead, silent, answers 401, or is not OpenCode.
    Unreachable,
    /// The turn ended in an error.
    TurnFailed,
    /// The turn needs a permission or an answer that it does not get.
    Blocked,
    /// The turn ended without any text.
    Empty,
    /// The turn was aborted.
    Aborted,
    /// store.json cannot be read, locked or written.
    Store,
    /// A limit was reached.
    Timeout,
    /// SIGHUP arrived: the terminal or the connection is gone.
    HungUp,
    /// SIGINT arrived.
    Interrupted,
    /// SIGTERM arrived.
    Terminated,
}

impl Code {
    /// The exit status of the process.
    pub fn exit(self) -> u8 {
        match self {
            Code::Failed => 1,
            Code::Usage => 2,
            Code::NotFound => 3,
            Code::Unreachable => 4,
            Code::TurnFailed => 5,
            Code::Blocked => 6,
            Code::Empty => 7,
            Code::Aborted => 8,
            Code::Store => 9,
            Code::Timeout => 124,
            Code::HungUp => 129,
            Code::Interrupted => 130,
            Code::Terminated => 143,
        }
    }

    /// The name used in `--json` output.
    pub fn name(self) -> &'static str {
        match self {
            Code::Failed => "failed",
            Code::Usage => "usage",
            Code::NotFound => "not_found",
            Code::Unreachable => "unreachable",
            Code::TurnFailed => "turn_failed",
            Code::Blocked => "blocked",
            Code::Empty => "empty",
            Code::Aborted => "aborted",
            Code::Store => "store",
            Code::Timeout => "timeout",
            Code::HungUp | Code::Interrupted | Code::Terminated => "interrupted",
        }
    }
}

impl Code {
    /// The name of the signal that it stands for.
    pub fn signal(self) -> Option<&'static str> {
        match self {
            Code::HungUp => Some("SIGHUP"),
            Code::Interrupted => Some("SIGINT"),
            Code::Terminated => Some("SIGTERM"),
            _ => None,
        }
    }

    /// `interrupted by SIGINT`, for the code of a signal.
    pub fn interrupted(self) -> String {
        format!("interrupted by {}", self.signal().unwrap_or("a signal"))
    }
}

/// Why nothing was done, for scripts that want to tell one exit 1, or one exit 4, from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The server's version cannot do it.
    Unsupported,
    /// The conversation is busy.
    Busy,
    /// The server sends nothing.
    Silent,
    /// The server has no such model, agent or variant.
    Unknown,
}

impl Reason {
    /// The name used in `--json` output.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Unsupported => "unsupported",
            Reason::Busy => "busy",
            Reason::Silent => "silent",
            Reason::Unknown => "unknown",
        }
    }
}

/// An error that is ready to be shown: what failed, on what, why, and what to do next.
///
/// It is one pointer wide, because nearly every function can return one: with its fields in each
/// result the static binary was 0.18 MB larger.
#[derive(Clone, Debug)]
pub struct Error(Box<Shown>);

/// What an [`Error`] says.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Decides the exit code.
    pub code: Code,
    /// One line, or several if a log's tail is part of it. It never contains a secret.
    pub message: String,
    /// What to do next, if there is something to do.
    pub hint: Option<String>,
    /// Why nothing was done, if scripts should be able to tell.
    pub reason: Option<Reason>,
}

/// The result of most functions of the program.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error(Box::new(Shown { code, message: message.into(), hint: None, reason: None }))
    }

    /// Exit 1.
    pub fn failed(message: impl Into<String>) -> Error {
        Error::new(Code::Failed, message)
    }

    /// Exit 1, because the server's version cannot do it. Nothing was sent.
    pub fn unsupported(message: impl Into<String>) -> Error {
        Error::failed(message).because(Reason::Unsupported)
    }

    /// Exit 1, because the conversation is busy. Nothing was sent.
    pub fn busy(message: impl Into<String>) -> Error {
        Error::failed(message).because(Reason::Busy)
    }

    /// Exit 2.
    pub fn usage(message: impl Into<String>) -> Error {
        Error::new(Code::Usage, message)
    }

    /// Exit 3.
    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(Code::NotFound, message)
    }

    /// Exit 4.
    pub fn unreachable(message: impl Into<String>) -> Error {
        Error::new(Code::Unreachable, message)
    }

    /// Exit 4, because the server sends nothing.
    pub fn silent(message: impl Into<String>) -> Error {
        Error::unreachable(message).because(Reason::Silent)
    }

    /// Exit 9.
    pub fn store(message: impl Into<String>) -> Error {
        Error::new(Code::Store, message)
    }

    /// The same error with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with another message.
    pub fn saying(mut self, message: String) -> Error {
        self.message = message;
        self
    }

    /// The message alone, for places that show it their own way.
    pub fn into_message(self) -> String {
        self.0.message
    }

    /// The same error with a reason that scripts can read.
    pub fn because(mut self, reason: Reason) -> Error {
        self.reason = Some(reason);
        self
    }
}

impl Deref for Error {
    type Target = Shown;

    fn deref(&self) -> &Shown {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Shown {
        &mut self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            // A message of several lines (a log's tail) has no room for brackets at its end.
            Some(hint) if self.message.contains('\n') => write!(f, "\n{hint}"),
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
