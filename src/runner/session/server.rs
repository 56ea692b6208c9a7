//! An open server: the record of a session, and the way to talk to its server.

use super::address;
use super::life::{Life, life};
use super::select::select;
use crate::client::{Cause, Client, Endpoint, Failure};
use crate::error::{Error, Result};
use crate::process::{self, Identity};
use crate::runner::context::Context;
use crate::store::Record;

/// What our servers listen on, unless they are opened to other machines.
pub const LOOPBACK: &str = "127.0.0.1";

/// The variable with the password, for servers and for what attaches to them.
pub const PASSWORD: &str = "OPENCODE_SERVER_PASSWORD";

/// OpenCode's own default for Basic auth. An inherited other one is not passed on.
pub const USERNAME: &str = "opencode";

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
        address: record.adopted_url.as_deref().and_then(address::look_up),
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

    /// Why something failed: because the server has ended, or else for the reason in `error`.
    pub fn explain(&self, context: &Context, error: impl Into<Error>) -> Error {
        self.ended(context).unwrap_or_else(|| error.into())
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
