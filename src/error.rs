//! What went wrong, in a form that a script can branch on and a person can act on.

use std::fmt;

/// Why a command did not do what it was asked; decides the exit code.
///
/// Names and numbers are a promise to scripts and never change once released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Anything that has no code of its own.
    Failed,
    /// The command line is wrong.
    Usage,
    /// No such session, conversation, turn, ask or file.
    NotFound,
    /// The server is dead, silent, answers 401, or is not OpenCode.
    Unreachable,
    /// The turn ended in an error.
    TurnFailed,
    /// The turn needs a permission or an answer that nobody gives.
    Blocked,
    /// The turn ended without any text.
    Empty,
    /// Somebody aborted the turn.
    Aborted,
    /// store.json cannot be read, locked or written.
    Store,
    /// A limit was reached.
    Timeout,
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
            Code::Interrupted | Code::Terminated => "interrupted",
        }
    }
}

/// An error that is ready to be shown: what failed, on what and why, and what to do next.
#[derive(Clone, Debug)]
pub struct Error {
    /// Decides the exit code.
    pub code: Code,
    /// One line (or, with a log's tail, several); never holds a secret.
    pub message: String,
    /// What to do next, where there is something to do.
    pub hint: Option<String>,
}

/// The result of nearly everything here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error { code, message: message.into(), hint: None }
    }

    /// Exit 1.
    pub fn failed(message: impl Into<String>) -> Error {
        Error::new(Code::Failed, message)
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

    /// Exit 9.
    pub fn store(message: impl Into<String>) -> Error {
        Error::new(Code::Store, message)
    }

    /// The same error with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
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
