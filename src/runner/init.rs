//! The first process of a container: one command, and an orderly end of all that it leaves.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Command;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{self, Outcome};

/// How the command ended, and what has outlived it.
pub struct Supervised {
    /// The command's exit status, or 128 and the number of the signal that ended it.
    pub status: u8,
    /// The pids that SIGKILL did not end.
    pub left: Vec<u32>,
}

/// Runs a command as the first process of a container would, or waits for a signal if the words are
/// empty. It needs neither a store nor a home.
pub fn init(words: &[OsString], grace: Duration) -> Result<Supervised> {
    let mut command = words.split_first().map(|(program, arguments)| {
        let mut command = Command::new(program);
        command.args(arguments);
        command
    });
    let (outcome, left) = process::supervise(command.as_mut(), grace).map_err(|error| {
        let program = words.first().map_or("anything".into(), |word| word.to_string_lossy());
        let message = format!("cannot run {program}: {error}");
        match error.kind() {
            ErrorKind::NotFound => Error::not_found(message),
            _ => Error::failed(message),
        }
    })?;
    let status = match outcome {
        Outcome::Status(status) => status,
        Outcome::Signal(signal) => signal.saturating_add(128),
    };
    Ok(Supervised { status, left })
}
