//! `wrap`: the words that go before a command, so that it runs in a container or a sandbox.

use std::ffi::OsString;
use std::path::Path;

use super::site::{Site, Trouble};

/// A command as it is started, and how it is ended.
pub struct Wrapped {
    /// Program and arguments, `wrap` included.
    pub words: Vec<OsString>,
    /// `wrap_kill` with its placeholders filled in; empty if there is none.
    pub kill: Vec<OsString>,
}

/// Puts the plan's `wrap` before a command. `run` is the directory that the command may see:
/// [`Site::agent`] for an agent. `name` is what `{name}` stands for: unique on this host.
///
/// Without `wrap` it is the command itself.
pub fn command(
    _site: &Site,
    _run: &Path,
    _name: &str,
    _command: &[OsString],
) -> Result<Wrapped, Trouble> {
    todo!()
}

impl Wrapped {
    /// Runs `wrap_kill`, for at most a few seconds. What was started is to be killed afterwards.
    pub fn kill(&self, _site: &Site) {
        todo!()
    }
}
