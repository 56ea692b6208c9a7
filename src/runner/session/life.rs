//! Whether a session's server lives: what its record and the process table say together.

use super::address;
use crate::error::Error;
use crate::process::{self, Home, Identity};
use crate::runner::context::Context;
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
    /// The server runs on another machine, or in another pid namespace of this one: in a container
    /// that shares the data directory; or `/proc` is missing here. Nothing can be said of its
    /// process.
    Elsewhere,
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
pub fn life(context: &Context, record: &Record) -> Life {
    if is_elsewhere(record, process::own_home()) {
        // The server holds its lock for life, and so tells every place that shares the directory.
        let gone = context.store.is_life_lock_free(&record.id);
        return if gone { Life::Dead } else { Life::Elsewhere };
    }
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

/// Whether a record speaks of a place whose processes cannot be seen from `here`. After another
/// boot of the same machine there is nothing left to be seen.
fn is_elsewhere(record: &Record, here: &Home) -> bool {
    let differ = |one: &Option<String>, other: &Option<String>| {
        one.is_some() && other.is_some() && one != other
    };
    // An adopted server whose process is not known is only an address, which any place can reach;
    // but the loopback of another place is not ours.
    let is_near = record.adopted_url.as_ref().is_none_or(|url| address::is_on_loopback(url));
    if !is_near && record.pid_start_time.is_none() {
        return false;
    }
    // Where processes cannot be told apart, each of them would look dead.
    if differ(&record.machine_id, &here.machine) || !here.tells_processes {
        return true;
    }
    // Where `/proc` holds processes alone, the boot is not known.
    let is_same_boot = record
        .boot_id
        .as_ref()
        .is_none_or(|boot| *boot == here.boot || boot.is_empty() || here.boot.is_empty());
    let is_same_namespace =
        record.pid_namespace.is_none() || record.pid_namespace == here.pid_namespace;
    is_same_boot && !is_same_namespace
}

/// The error for a command that needs a session's process or server, which is elsewhere.
pub fn elsewhere(record: &Record) -> Error {
    let id = &record.id;
    if let Some(blind) = blind_reason() {
        let what = format!("whether the server of session {id} lives cannot be seen");
        return Error::unreachable(what).hint(blind);
    }
    let host = record.host.as_deref().unwrap_or("another machine");
    Error::unreachable(format!("session {id} lives in another place: on {host}, or in a container"))
        .hint(format!("run occtl there; occtl stop {id} --forget-elsewhere drops its record here"))
}

/// Why nothing is known of processes here; `None` if they can be seen.
pub fn blind_reason() -> Option<&'static str> {
    (!process::own_home().tells_processes).then_some("/proc is not there: mount it")
}

/// The server among the processes with a session's mark: it was started first.
fn orphan(session: &str) -> Option<Identity> {
    process::marked(MARK, session).into_iter().min_by_key(|process| process.start_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(machine: Option<&str>, boot: &str, namespace: u64) -> Home {
        Home {
            machine: machine.map(String::from),
            host: None,
            boot: boot.into(),
            pid_namespace: Some(namespace),
            tells_processes: true,
        }
    }

    #[test]
    fn another_machine_or_another_namespace_of_this_boot_is_elsewhere_and_nothing_else_is() {
        let record = Record {
            machine_id: Some("m".into()),
            boot_id: Some("b".into()),
            pid_namespace: Some(1),
            pid_start_time: Some(1),
            ..Record::default()
        };
        assert!(!is_elsewhere(&record, &home(Some("m"), "b", 1)), "here");
        assert!(is_elsewhere(&record, &home(Some("n"), "c", 1)), "another machine");
        assert!(is_elsewhere(&record, &home(Some("m"), "b", 2)), "another container");
        assert!(!is_elsewhere(&record, &home(Some("m"), "c", 2)), "before the last boot");
        assert!(!is_elsewhere(&record, &home(None, "b", 1)), "a machine without an id");
        let blind = Home { tells_processes: false, ..home(Some("m"), "b", 1) };
        assert!(is_elsewhere(&record, &blind), "no /proc to look it up");
        let part = home(Some("m"), "", 1);
        assert!(!is_elsewhere(&record, &part), "only the boot is not told");
        let from_part = Record { boot_id: Some(String::new()), ..record.clone() };
        assert!(!is_elsewhere(&from_part, &home(Some("m"), "b", 1)), "and of one from there");
        assert!(is_elsewhere(&from_part, &home(Some("m"), "b", 2)), "in another container");
        let old = Record { pid_start_time: Some(1), ..Record::default() };
        assert!(!is_elsewhere(&old, &home(Some("m"), "b", 1)), "a record that does not tell");
        let adopted = |url: &str| Record {
            adopted_url: Some(url.into()),
            pid_start_time: None,
            ..record.clone()
        };
        let other = home(Some("m"), "b", 2);
        assert!(is_elsewhere(&adopted("http://127.0.0.1:4096"), &other));
        assert!(!is_elsewhere(&adopted("http://devbox:4096"), &other), "an address is reached");
    }
}
