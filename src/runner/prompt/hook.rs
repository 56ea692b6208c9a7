//! Tells a program of the user's what happens, without ever waiting for it.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::process::{self, Capture};
use crate::units::Deadline;

/// How long a shell is given to look for a program.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(1);

/// `--on-event`: a shell command that gets one JSON document on its stdin.
#[derive(Clone, Debug)]
pub struct Hook {
    command: Option<OsString>,
}

impl Hook {
    /// With a command, or without one that does nothing.
    pub fn new(command: Option<OsString>) -> Hook {
        Hook { command }
    }

    /// Whether there is a command, so that a document need not be made for nobody.
    pub fn is_set(&self) -> bool {
        self.command.is_some()
    }

    /// What is wrong with the command as far as it can be told beforehand: nobody waits for it later, and what
    /// it prints is thrown away. Only a plain first word is looked up; the shell knows many other things.
    pub fn trouble(&self) -> Option<String> {
        let command = self.command.as_ref()?.to_str()?;
        let word = command.split_ascii_whitespace().next()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+".contains(&byte);
        let function = command.contains("()");
        if function || !word.bytes().all(plain) {
            return None;
        }
        let mut shell = Command::new("/bin/sh");
        let look = Capture::start(shell.args(["-c", "command -v -- \"$0\"", word])).ok()?;
        let found = look.finish(Deadline::after(LOOK_UP_LIMIT)).is_some();
        (!found).then(|| format!("warning: the shell finds no {word} for --on-event {command}"))
    }

    /// Starts the command; an error is returned to be said, never to fail a turn.
    pub fn run(&self, document: &Value) -> Result<(), String> {
        let Some(command) = &self.command else { return Ok(()) };
        let mut shell = Command::new("/bin/sh");
        process::feed(shell.arg("-c").arg(command), &format!("{document}\n")).map_err(|error| {
            format!("cannot run the --on-event command {}: {error}", command.display())
        })
    }
}
