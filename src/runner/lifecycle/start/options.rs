//! What `start` can be asked for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What `start` was asked for. It cannot be printed, because variables hold keys of providers.
#[derive(Clone, Default)]
pub struct StartOptions {
    /// As typed; default the working directory. Created if it is missing.
    pub workdir: Option<PathBuf>,
    /// From the first step to the first answer.
    pub timeout: Duration,
    /// The agent for prompts that name none.
    pub agent: Option<String>,
    /// A name besides the id.
    pub name: Option<String>,
    /// Whether conversations may run occtl.
    pub allow_occtl: bool,
    /// The address to listen on, if not the loopback's.
    pub hostname: Option<String>,
    /// The OpenCode program.
    pub opencode: Option<PathBuf>,
    /// End the server, and all that it started, when this process ends.
    pub dies_with_us: bool,
    /// Keep the log and the own data of a server that does not get ready.
    pub keeps_remains: bool,
    /// Give it a database and a state of its own.
    pub isolate: bool,
    /// Cut the catalogue of models down to the providers that can be used.
    pub lean: bool,
    /// Providers that a prompt names.
    pub providers: Vec<String>,
    /// Variables for the server, as `NAME=VALUE`.
    pub variables: Vec<OsString>,
    /// A file with configuration that goes before all other.
    pub config: Option<PathBuf>,
    /// Work in a new git worktree of that name.
    pub worktree: Option<String>,
    /// The revision that the worktree starts from.
    pub base: Option<String>,
    /// Without use for that long, `cleanup` stops it.
    pub idle_timeout: Option<Duration>,
    /// What to find it by, as `KEY=VALUE`.
    pub labels: Vec<String>,
}

impl StartOptions {
    /// The flags that were given and whose values no record has: they may be secret.
    pub fn not_recorded(&self) -> Vec<String> {
        let name = |pair: &OsString| {
            let name = pair.to_string_lossy().split('=').next().unwrap_or_default().to_string();
            format!("--env {name}")
        };
        let mut flags: Vec<String> = self.variables.iter().map(name).collect();
        flags.extend(self.config.as_ref().map(|_| "--config".to_string()));
        flags
    }
}
