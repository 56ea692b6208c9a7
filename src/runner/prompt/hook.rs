//! Tells the user's own program what happens, without ever waiting for it.

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
    /// A hook with a command. Without a command it does nothing.
    pub fn new(command: Option<OsString>) -> Hook {
        Hook { command }
    }

    /// Whether there is a command. If not, no document needs to be made for it.
    pub fn is_set(&self) -> bool {
        self.command.is_some()
    }

    /// What is wrong with the command, as far as that can be found out before it runs. Later
    /// nothing waits for it, and what it prints is lost. Only a first word without special
    /// characters is looked up, because a shell understands much more than names of programs.
    pub fn trouble(&self) -> Option<String> {
        let command = self.command.as_ref()?.to_str()?;
        let word = command.split_ascii_whitespace().next()?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+".contains(&byte);
        let defines_function = command.contains("()");
        if defines_function || !word.bytes().all(is_plain) {
            return None;
        }
        let mut shell = Command::new("/bin/sh");
        let look_up = Capture::start(shell.args(["-c", "command -v -- \"$0\"", word])).ok()?;
        let found = look_up.finish(Deadline::after(LOOK_UP_LIMIT)).is_some();
        (!found).then(|| format!("warning: the shell finds no {word} for --on-event {command}"))
    }

    /// Starts the command. The error is for the user to read; it never fails a turn.
    pub fn run(&self, document: &Value) -> Result<(), String> {
        let Some(command) = &self.command else { return Ok(()) };
        let mut shell = Command::new("/bin/sh");
        process::feed(shell.arg("-c").arg(command), &format!("{document}\n")).map_err(|error| {
            format!("cannot run the --on-event command {}: {error}", command.display())
        })
    }
}
