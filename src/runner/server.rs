//! A session's server: whether its process lives, and how to talk to it.

use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::Context;
use super::resolve;
use super::select::select;
use crate::client::{Cause, Client, Endpoint, Failure};
use crate::error::{Error, Result};
use crate::process::{self, Identity};
use crate::store::{Record, Status};

/// What our servers listen on, unless they are opened to other machines.
pub const LOOPBACK: &str = "127.0.0.1";
/// The mark that every process below a server inherits.
pub const MARK: &str = "OPENCODE_SESSION_ID";
/// The variable with the password, for servers and for what attaches to them.
pub const PASSWORD: &str = "OPENCODE_SERVER_PASSWORD";
/// OpenCode's own default for Basic auth. An inherited other one is not passed on.
pub const USERNAME: &str = "opencode";

/// How much of a log's end is read for its last lines.
const LOG_TAIL_BYTES: u64 = 64 * 1024;

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

/// Where a record's server answers.
pub fn url(record: &Record) -> String {
    let host = record.hostname.as_deref().unwrap_or(LOOPBACK);
    let own = || format!("http://{host}:{}", record.port);
    record.adopted_url.clone().unwrap_or_else(own)
}

/// How to reach a record's server.
pub fn endpoint(record: &Record, server: Option<&Identity>) -> Endpoint {
    // 0.4.0 drops what it does not know when it saves; the server's own environment still has it.
    let inherited = || {
        let variables = process::environment(server?.pid)?;
        let password = variables.get(PASSWORD.as_ref() as &std::ffi::OsStr)?;
        password.to_str().map(String::from)
    };
    Endpoint {
        url: url(record),
        address: record.adopted_url.as_deref().and_then(resolve::look_up),
        username: record.username.clone().unwrap_or_else(|| USERNAME.into()),
        password: record.password.clone().or_else(inherited),
    }
}

/// The directory that a session's server was started in; every request names it.
pub fn directory(record: &Record, server: Option<&Identity>) -> String {
    let recorded = record.workdir.clone().or_else(|| {
        let link = format!("/proc/{}/cwd", server?.pid);
        std::fs::read_link(link).ok().map(|path| path.to_string_lossy().into_owned())
    });
    recorded.or_else(|| record.config_path.clone()).unwrap_or_else(|| "/".into())
}

/// A session whose server runs, and the way to it.
pub struct Server {
    /// The session's record.
    pub record: Record,
    /// The server's process; `None` if somebody else started it and we do not know it.
    pub process: Option<Identity>,
    /// The way to it.
    pub client: Client,
    /// Where it was started.
    pub directory: String,
}

impl Server {
    /// The session that `word` means. A dead server is an error (exit 4).
    pub fn open(context: &Context, word: &str) -> Result<Server> {
        let record = select(&context.store.read()?, word)?;
        let id = record.id.clone();
        let life = life(&record);
        match &life {
            Life::Alive(_) | Life::Adopted => {
                let process = life.server().cloned();
                let client = Client::new(endpoint(&record, process.as_ref()));
                let directory = directory(&record, process.as_ref());
                Ok(Server { record, process, client, directory })
            }
            Life::Starting => Err(Error::unreachable(format!("session {id} is still starting"))
                .hint("occtl list shows when it is ready")),
            Life::Dead => Err(Error::unreachable(format!("session {id} is dead"))
                .hint(format!("occtl stop {id} removes what it left; occtl start starts another"))),
        }
    }

    /// Whether the server's process still runs, as far as we know it.
    pub fn lives(&self) -> bool {
        self.process.as_ref().is_none_or(Identity::alive)
    }

    /// An error for a server that has ended in the meantime; `None` while it runs.
    pub fn ended(&self, context: &Context) -> Option<Error> {
        let id = &self.record.id;
        (!self.lives()).then(|| {
            Error::unreachable(format!("the server of session {id} ended"))
                .hint(format!("its log is {}", context.store.log_path(id).display()))
        })
    }

    /// The same where a request failed: if we do not know the process, nobody listens any more.
    pub fn ended_by(&self, context: &Context, failure: &Failure) -> Option<Error> {
        let refused = self.process.is_none() && matches!(failure.cause, Cause::Refused);
        let id = &self.record.id;
        let ended = || Error::unreachable(format!("the server of session {id} ended: {failure}"));
        self.ended(context).or_else(|| refused.then(ended))
    }

    /// Moves the session's last use to now.
    pub fn touch(&self, context: &Context) -> Result<()> {
        let now = jiff::Timestamp::now();
        let touched = |record: &mut Record| record.set_active(now);
        context.update(|document| document.change(&self.record.id, touched).map(drop))
    }
}

/// The address that a record's server listens on.
pub fn listening_address(record: &Record) -> Ipv4Addr {
    let given = record.hostname.as_deref().and_then(|hostname| hostname.parse().ok());
    given.unwrap_or(Ipv4Addr::LOCALHOST)
}

/// Whether nobody listens on a port of that address right now; of 0.0.0.0, on that of any address.
///
/// The standard library sets SO_REUSEADDR here, without which a port that was just freed looks taken
/// for a minute.
pub fn port_free(address: Ipv4Addr, port: u16) -> bool {
    match std::net::TcpListener::bind(SocketAddr::from((address, port))) {
        Ok(_) => true,
        // The machine no longer has it, so that nobody can listen there.
        Err(error) => error.kind() == std::io::ErrorKind::AddrNotAvailable,
    }
}

/// The last lines of a file; empty if it cannot be read.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut bytes = Vec::new();
    // A log may be larger than memory.
    let mut read = || -> std::io::Result<usize> {
        let mut file = std::fs::File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(LOG_TAIL_BYTES)))?;
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)
    };
    let _ = read();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| line.to_string()).collect()
}

/// How long a request may take when a command has `left` until its own limit.
pub fn capped(left: Duration, limit: Duration) -> Duration {
    left.min(limit).max(Duration::from_millis(1))
}
