//! Tells a program of the user's what happens, without ever waiting for it.

use std::ffi::OsString;
use std::process::Command;

use serde_json::Value;

use crate::process;

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

    /// Starts the command; an error is returned to be said, never to fail a turn.
    pub fn run(&self, document: &Value) -> Result<(), String> {
        let Some(command) = &self.command else { return Ok(()) };
        let mut shell = Command::new("/bin/sh");
        process::feed(shell.arg("-c").arg(command), &format!("{document}\n")).map_err(|error| {
            format!("cannot run the --on-event command {}: {error}", command.display())
        })
    }
}
