//! Whether a session's server lives: what its record and the process table say together.

use crate::process::{self, Identity};
use crate::store::{Record, Status};

/// The variable that marks every process below a server: they inherit it from the server.
pub const MARK: &str = "OPENCODE_SESSION_ID";

/// What the process table says of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// An `occtl start` is still starting the server.
    Starting,
    /// The server's process runs.
    Alive(Identity),
    /// The server was started by something other than occtl, and its process is not known.
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

/// Looks a record's process up. Only the very process that was started counts, and not another one
/// that was given its pid since.
pub fn life(record: &Record) -> Life {
    let recorded = match (record.pid, record.pid_start_time, &record.boot_id) {
        (Some(pid), Some(start_time), Some(boot)) => {
            let identity = Identity { pid, start_time, boot_id: boot.clone() };
            identity.is_alive().then_some(identity)
        }
        // A record that opencode-ctl 0.4.0 wrote has no start time: the mark tells whether the pid
        // still belongs to the same server.
        (Some(pid), _, _) => Identity::of(pid).filter(|_| {
            let variables = process::environment(pid).unwrap_or_default();
            variables.get(MARK).is_some_and(|id| id == &*record.id)
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
        // The starting occtl was killed before it could record the server's pid.
        (Status::Starting, None) => match orphan(&record.id) {
            Some(server) => Life::Alive(server),
            None => Life::Dead,
        },
    }
}

/// The server among the processes with a session's mark: it was started first.
fn orphan(session: &str) -> Option<Identity> {
    process::marked(MARK, session).into_iter().min_by_key(|process| process.start_time)
}
