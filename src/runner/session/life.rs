//! Whether a session's server lives: what its record and the process table say together.

use crate::process::{self, Identity};
use crate::store::{Record, Status};

/// The mark that every process below a server inherits.
pub const MARK: &str = "OPENCODE_SESSION_ID";

/// What the process table says of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// Some `occtl start` is still at it.
    Starting,
    /// The server's process runs.
    Alive(Identity),
    /// Somebody else started the server, and its process is not known.
    Adopted,
    /// There is no such process.
    Dead,
}

impl Life {
    /// The server's process, while it runs.
    pub fn server(&self) -> Option<&Identity> {
        match self {
            Life::Alive(server) => Some(server),
            _ => None,
        }
    }
}

/// Looks a record's process up. Only exactly the process that was started counts.
pub fn life(record: &Record) -> Life {
    let recorded = match (record.pid, record.pid_start_time, &record.boot_id) {
        (Some(pid), Some(start_time), Some(boot)) => {
            let identity = Identity { pid, start_time, boot_id: boot.clone() };
            identity.alive().then_some(identity)
        }
        // A record of 0.4.0, or one that it rewrote: the mark tells whether the pid still means
        // what it meant.
        (Some(pid), _, _) => Identity::of(pid).filter(|_| {
            let variables = process::environment(pid).unwrap_or_default();
            variables.get(MARK.as_ref() as &std::ffi::OsStr).is_some_and(|id| id == &*record.id)
        }),
        _ => None,
    };
    if record.adopted_url.is_some() && record.pid_start_time.is_none() {
        return Life::Adopted;
    }
    match (record.status(), recorded) {
        (Status::Running, Some(server)) => Life::Alive(server),
        (Status::Running, None) => Life::Dead,
        (Status::Starting, Some(_)) => Life::Starting,
        // Whoever started it was killed before it could write the server's pid down.
        (Status::Starting, None) => match orphan(&record.id) {
            Some(server) => Life::Alive(server),
            None => Life::Dead,
        },
    }
}

/// The server among the processes that carry a session's mark: the first that was started.
fn orphan(session: &str) -> Option<Identity> {
    process::marked(MARK, session).into_iter().min_by_key(|one| one.start_time)
}
