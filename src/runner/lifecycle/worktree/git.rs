//! Runs git for worktrees, within a limit, and keeps what it says.

use std::path::Path;

use crate::error::{Code, Error};
use crate::process::{Attended, Ending, attend};
use crate::runner::session::git;
use crate::runner::signals::Signals;
use crate::units::{Deadline, GIT_LIMIT};

/// How many lines of what git and its hooks said are shown.
const LINES: usize = 20;

/// How long git may work, and what ends it earlier.
pub struct Limits<'a> {
    /// When it must have ended.
    pub deadline: Deadline,
    /// A signal that has arrived ends it, too; `None` where signals end occtl itself.
    pub signals: Option<&'a Signals>,
}

impl Limits<'_> {
    /// For a question, which git answers at once unless the disk does not.
    pub fn short() -> Limits<'static> {
        Limits { deadline: Deadline::after(GIT_LIMIT), signals: None }
    }

    /// Runs git in a directory.
    pub fn ask(&self, directory: &Path, words: &[&str]) -> Answer {
        let is_stopped = || self.signals.is_some_and(|signals| signals.received().is_some());
        match attend(git::command(directory).args(words), self.deadline, &is_stopped) {
            Ok(Attended { ending, output, words }) => {
                let failed = match ending {
                    Ending::Status(status) => (!status.success()).then_some(Code::Failed),
                    Ending::TimedOut => Some(Code::Timeout),
                    Ending::Stopped => self.signals.and_then(Signals::received),
                };
                Answer { failed, output, words: last_lines(&words) }
            }
            Err(error) => Answer {
                failed: Some(Code::Failed),
                output: Vec::new(),
                words: format!("cannot run git: {error}"),
            },
        }
    }

    /// What git prints, if it succeeds.
    pub fn run(&self, directory: &Path, words: &[&str]) -> Result<Vec<u8>, Failed> {
        let Answer { failed, output, words } = self.ask(directory, words);
        failed.map_or(Ok(output), |code| Err(Failed { code, words }))
    }

    /// What git prints as one line of text, without its end.
    pub fn line(&self, directory: &Path, words: &[&str]) -> Result<String, Failed> {
        let text = String::from_utf8(self.run(directory, words)?).map_err(|_| Failed {
            code: Code::Failed,
            words: "git names a path that is not UTF-8".into(),
        })?;
        Ok(text.strip_suffix('\n').unwrap_or(&text).into())
    }
}

/// What came of a git command.
pub struct Answer {
    /// Why it failed, if it did: see [`Failed::code`].
    pub failed: Option<Code>,
    /// What git printed.
    pub output: Vec<u8>,
    /// What git and its hooks said, a few lines at most.
    pub words: String,
}

/// Why git did not do what it was to do.
pub struct Failed {
    /// [`Code::Timeout`] if it took too long, the signal's code if one ended it.
    pub code: Code,
    /// What git and its hooks said, a few lines at most.
    pub words: String,
}

impl Failed {
    /// An error that says what failed, and why in the words of git.
    pub fn error(&self, what: &str) -> Error {
        let end = match self.code {
            Code::Failed => String::new(),
            Code::Timeout => ": git took too long and was ended".into(),
            code => format!(": {}", code.interrupted()),
        };
        let said = match self.words.trim() {
            "" => String::new(),
            words if words.contains('\n') => format!("; git says:\n{}", indented(words)),
            words => format!("; git says: {words}"),
        };
        let error = Error::new(self.code, format!("{what}{end}{said}"));
        if self.is_dubious() {
            return error.hint(
                "another user owns the directory; git config --global --add safe.directory \
                 DIRECTORY tells git to trust it",
            );
        }
        error
    }

    /// Whether git refuses a directory because another user owns it.
    pub fn is_dubious(&self) -> bool {
        self.words.contains("dubious ownership")
    }
}

/// The lines of a text, moved to the right below another one.
pub fn indented(words: &str) -> String {
    words.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn last_lines(words: &[u8]) -> String {
    let text = String::from_utf8_lossy(words);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
