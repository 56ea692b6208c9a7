//! What is to be imported.

use std::path::PathBuf;

use crate::error::{Code, Error, Result};
use crate::runner::Environment;

/// Whose form the tasks have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Directories with a `task.toml`.
    Harbor,
    /// Exercises with a `.meta/config.json`.
    Exercism,
    /// Lines of JSON with a commit of a repository each.
    Swebench,
}

impl Format {
    /// Their names on the command line.
    pub const NAMES: &'static [&'static str] = &["harbor", "exercism", "swebench"];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Format> {
        let all = [Format::Harbor, Format::Exercism, Format::Swebench];
        all.into_iter().find(|format| format.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Format::NAMES[self as usize]
    }
}

/// What is imported, and into what.
pub struct ImportOptions {
    /// Whose form the tasks have.
    pub format: Format,
    /// Where they are.
    pub source: PathBuf,
    /// The directory that is made.
    pub output: PathBuf,
    /// The models of the plan's arms; none for an arm with OpenCode's own choice.
    pub models: Vec<String>,
    /// Where the repositories of SWE-bench are.
    pub clones: Option<PathBuf>,
}

/// What the import finds around itself.
pub struct Surroundings<'a> {
    /// Variables and working directory.
    pub environment: &'a Environment,
    /// The signal that is to end it.
    pub signal: &'a dyn Fn() -> Option<Code>,
}

impl Surroundings<'_> {
    /// An error if it is to end.
    pub fn expect_running(&self) -> Result<()> {
        match (self.signal)() {
            Some(code) => {
                Err(Error::new(code, format!("{}; nothing was written", code.interrupted())))
            }
            None => Ok(()),
        }
    }
}
