//! What is known of a session without asking its server.

use super::directory::known_directory;
use super::labels::Labels;
use super::life::Life;
use super::server::url;
use crate::runner::context::Context;
use crate::store::Record;

/// What is known of a session without asking its server.
#[derive(Clone, Debug)]
pub struct SessionFacts {
    /// `oc-…`.
    pub id: String,
    /// `--name`.
    pub name: Option<String>,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// Where the server answers.
    pub url: String,
    /// The server's process, while it runs.
    pub pid: Option<u32>,
    /// The name of the machine that it lives on, if the record tells.
    pub host: Option<String>,
    /// The agent for prompts that name none.
    pub agent: Option<String>,
    /// The server's directory.
    pub workdir: Option<String>,
    /// Whether the server was started by something other than occtl.
    pub adopted: bool,
    /// Whether the server has a database and state directory of its own.
    pub isolated: bool,
    /// The labels that sessions are found by.
    pub labels: Labels,
    /// Its git branch, if a worktree was made for it.
    pub branch: Option<String>,
    /// Seconds without use after which `cleanup` stops it.
    pub idle_timeout_s: Option<f64>,
    /// The session from whose server this one was started.
    pub parent: Option<String>,
    /// The server's version when it was started.
    pub opencode_version: Option<String>,
    /// The file that receives what the server prints.
    pub log: String,
    /// When it was started.
    pub created: Option<jiff::Timestamp>,
    /// When a command last used it.
    pub last_active: Option<jiff::Timestamp>,
}

impl SessionFacts {
    /// What the record and the process table say.
    pub fn of(context: &Context, record: &Record, life: &Life) -> SessionFacts {
        SessionFacts {
            id: record.id.clone(),
            name: record.name.clone(),
            port: record.port,
            url: url(record),
            pid: life.server().map(|server| server.pid),
            host: record.host.clone(),
            agent: record.agent.clone(),
            workdir: known_directory(record, life),
            adopted: record.adopted_url.is_some(),
            isolated: record.isolated.is_some(),
            labels: record.labels.clone(),
            branch: record.worktree.as_ref().map(|worktree| worktree.branch.clone()),
            idle_timeout_s: record.idle_timeout_s,
            parent: record.parent.clone(),
            opencode_version: record.opencode_version.clone(),
            log: context.store.log_path(&record.id).display().to_string(),
            created: record.created(),
            last_active: record.last_active(),
        }
    }
}
