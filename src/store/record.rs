//! One session as store.json holds it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::migrate;

/// What the record itself says of its server; whether that still lives is for the process table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// A port is reserved and the server is on its way; the pid is that of the `occtl start`.
    Starting,
    /// The server has answered.
    Running,
}

/// One session. The first eight fields are those of opencode-ctl 0.4.0, with its names and types;
/// the others are ours, and all may be missing: 0.4.0 drops what it does not know when it saves.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// `oc-` and eight hexadecimal digits.
    pub id: String,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The server's process; while [`Status::Starting`], the one that starts it.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Naive local time; read it with [`Record::created`].
    #[serde(default)]
    pub created_at: String,
    /// Naive local time; read it with [`Record::last_active`].
    #[serde(default)]
    pub last_activity: String,
    /// The workdir as it was typed.
    #[serde(default)]
    pub config_path: Option<String>,
    /// `starting`, or what 0.4.0 writes: `running`.
    #[serde(default)]
    pub status: String,
    /// The agent for prompts that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// [`Record::created_at`] as RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at_utc: Option<String>,
    /// [`Record::last_activity`] as RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_activity_utc: Option<String>,
    /// The workdir, absolute and without links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// `--name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tells the process from later ones with its pid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_start_time: Option<u64>,
    /// Tells the process from ones before a reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// What the server wants as Basic auth. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The user for Basic auth, where it is not OpenCode's own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The server's version when it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opencode_version: Option<String>,
    /// The program that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opencode: Option<String>,
    /// The session from whose server this one was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether conversations may run occtl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_occtl_commands: Option<bool>,
    /// What the server listens on, where that is not 127.0.0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Where a server that was adopted answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_url: Option<String>,
    /// The directory with this server's own database and state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated: Option<String>,
    /// Seconds without use after which `cleanup` stops it, in place of its own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_s: Option<f64>,
    /// What somebody wants to find it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The git worktree that was made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<Worktree>,
    /// What somebody else wrote; kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A git worktree that was made for a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    /// The repository that it belongs to.
    pub repository: String,
    /// Where it is.
    pub path: String,
    /// Its branch.
    pub branch: String,
}

impl Record {
    /// What the record says of its server.
    pub fn status(&self) -> Status {
        if self.status == "starting" { Status::Starting } else { Status::Running }
    }

    /// When the session was started; `None` if the record does not tell.
    pub fn created(&self) -> Option<jiff::Timestamp> {
        migrate::moment(&self.created_at, self.created_at_utc.as_deref())
    }

    /// When somebody last used the session; `None` if the record does not tell.
    pub fn last_active(&self) -> Option<jiff::Timestamp> {
        migrate::moment(&self.last_activity, self.last_activity_utc.as_deref())
    }

    /// Sets the time of creation and of last use.
    pub fn set_created(&mut self, now: jiff::Timestamp) {
        let now = migrate::whole_microseconds(now);
        self.created_at = migrate::local_time(now);
        self.created_at_utc = Some(now.to_string());
        self.set_active(now);
    }

    /// Moves the last use forward, never back.
    pub fn set_active(&mut self, now: jiff::Timestamp) {
        let now = migrate::whole_microseconds(now);
        if self.last_active().is_none_or(|before| before < now) {
            self.last_activity = migrate::local_time(now);
            self.last_activity_utc = Some(now.to_string());
        }
    }
}
