//! One session in store.json.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::times;

/// A time of last use that is further ahead was taken from a clock that was wrong.
const MOST_AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// The state of the server according to the record. Whether the process still lives is not
/// recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// A port is reserved and the server is starting. The pid is that of the `occtl start`.
    Starting,
    /// The server has answered.
    Running,
}

/// One session. The first eight fields are those of opencode-ctl 0.4.0, with its names and types.
/// The other fields belong to occtl and may all be missing, because 0.4.0 drops unknown fields when
/// it saves.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `oc-` and eight hexadecimal digits.
    pub id: String,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The server's process; while [`Status::Starting`], the process that starts it.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Naive local time. [`Record::created`] reads it.
    #[serde(default)]
    pub created_at: String,
    /// Naive local time. [`Record::last_active`] reads it.
    #[serde(default)]
    pub last_activity: String,
    /// The workdir as the user typed it.
    #[serde(default)]
    pub config_path: Option<String>,
    /// `starting` or `running`; 0.4.0 writes `running`.
    #[serde(default)]
    pub status: String,
    /// The agent for prompts without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// [`Record::created_at`] as RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at_utc: Option<String>,
    /// [`Record::last_activity`] as RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_activity_utc: Option<String>,
    /// The conversation that occtl opened or used last on this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The workdir as an absolute path without links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// `--name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tells the process apart from later ones with the same pid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_start_time: Option<u64>,
    /// Tells the process apart from those before a reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The id of the machine that the server runs on. A record without it means this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// That machine's name, only to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The inode of the pid namespace that the server runs in. A record without it means this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_namespace: Option<u64>,
    /// The password for Basic auth. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The user for Basic auth, if it is not OpenCode's default.
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
    /// Whether the agents of this session may run occtl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_occtl_commands: Option<bool>,
    /// The host that the server listens on, if it is not 127.0.0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The URL of a server that was adopted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_url: Option<String>,
    /// The directory with this server's own database and state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated: Option<String>,
    /// Seconds without use after which `cleanup` stops it. Default: that of `cleanup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_s: Option<f64>,
    /// The flags of its start whose values are not recorded, because they may be secret. A record
    /// without it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_recorded: Option<Vec<String>>,
    /// Labels of the user, to find the session by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The git worktree that was created for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<Worktree>,
    /// Fields that another program wrote; they are kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A git worktree that was created for a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    /// The repository of the worktree.
    pub repository: String,
    /// The directory of the worktree.
    pub path: String,
    /// The branch of the worktree.
    pub branch: String,
    /// Whether it was there before the session, so that a start that fails leaves it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
}

/// Without the password, and without unknown fields, which may be secret too.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Record");
        shown.field("id", &self.id).field("status", &self.status);
        shown.field("port", &self.port).field("pid", &self.pid).finish_non_exhaustive()
    }
}

impl Record {
    /// The state of the server according to the record.
    pub fn status(&self) -> Status {
        if self.status == "starting" { Status::Starting } else { Status::Running }
    }

    /// When the session was started; `None` if the record does not tell.
    pub fn created(&self) -> Option<jiff::Timestamp> {
        times::moment(&self.created_at, self.created_at_utc.as_deref())
    }

    /// When the session was last used; `None` if the record does not tell.
    pub fn last_active(&self) -> Option<jiff::Timestamp> {
        times::moment(&self.last_activity, self.last_activity_utc.as_deref())
    }

    /// Sets the times of creation and of last use.
    pub fn set_created(&mut self, now: jiff::Timestamp) {
        let now = times::whole_microseconds(now);
        self.created_at = times::local_time(now);
        self.created_at_utc = Some(now.to_string());
        self.set_active(now);
    }

    /// Moves the time of last use forward. It goes back only from a time of a clock that was wrong;
    /// those of machines that share a store differ by less than [`MOST_AHEAD`].
    pub fn set_active(&mut self, now: jiff::Timestamp) {
        let now = times::whole_microseconds(now);
        // A clock that is wrong now is behind the session's begin.
        let is_wrong = |before: jiff::Timestamp| {
            before.duration_since(now) > MOST_AHEAD && self.created().is_none_or(|at| at <= now)
        };
        if self.last_active().is_none_or(|before| before < now || is_wrong(before)) {
            self.last_activity = times::local_time(now);
            self.last_activity_utc = Some(now.to_string());
        }
    }

    /// Adds the fields of occtl to a record of 0.4.0, as far as the record itself tells them.
    pub fn bring_forward(&mut self) {
        let twin = |moment: Option<jiff::Timestamp>| moment.map(|moment| moment.to_string());
        self.created_at_utc = twin(self.created());
        self.last_activity_utc = twin(self.last_active());
        if self.workdir.is_none() {
            // A relative path was relative to a directory that was not recorded.
            self.workdir = self.config_path.clone().filter(|path| path.starts_with('/'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_as_the_same_moment() {
        let now: jiff::Timestamp = "2026-03-29T01:30:00.5Z".parse().unwrap();
        let mut record = Record::default();
        record.set_created(now);
        assert_eq!(record.created(), Some(now));
        record.set_active("2026-03-28T02:00:00Z".parse().unwrap());
        assert_eq!(record.last_active(), Some(now), "another machine is behind");
        record.set_active("2020-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(record.last_active(), Some(now), "this clock is wrong");
        record.set_active("2027-03-29T01:30:00Z".parse().unwrap());
        let later = "2026-03-30T01:30:00Z".parse().unwrap();
        record.set_active(later);
        assert_eq!(record.last_active(), Some(later), "the other clock had been wrong");
    }
}
