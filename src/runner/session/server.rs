//! An open server: the record of a session, and the client that talks to its server.

use super::address;
use super::life::{Life, elsewhere, life};
use super::select::select;
use crate::client::{Cause, Client, Endpoint, Failure};
use crate::error::{Error, Result};
use crate::process::{self, Identity};
use crate::runner::context::Context;
use crate::store::Record;
use crate::units::Deadline;

/// Where occtl's servers listen, unless they are opened to other machines.
pub const LOOPBACK: &str = "127.0.0.1";

/// The variable with the password, for servers and for programs that attach to them.
pub const PASSWORD: &str = "OPENCODE_SERVER_PASSWORD";

/// OpenCode's own default for Basic auth. occtl's servers use it even if the environment names
/// another one.
pub const USERNAME: &str = "opencode";

/// Where a record's server answers.
pub fn url(record: &Record) -> String {
    let host = record.hostname.as_deref().unwrap_or(LOOPBACK);
    let own = || format!("http://{host}:{}", record.port);
    record.adopted_url.clone().unwrap_or_else(own)
}

/// How to reach a record's server.
pub fn endpoint(record: &Record, server: Option<&Identity>) -> Endpoint {
    endpoint_by(record, server, Deadline::never())
}

/// The same for a command that asks many servers: a name is looked up until a deadline.
pub fn endpoint_by(record: &Record, server: Option<&Identity>, by: Deadline) -> Endpoint {
    // When 0.4.0 saves the store, it drops the fields that it does not know, this password among
    // them. The server's own environment still has it.
    let inherited = || {
        let variables = process::environment(server?.pid)?;
        variables.get(PASSWORD)?.to_str().map(String::from)
    };
    Endpoint {
        url: url(record),
        address: record.adopted_url.as_deref().and_then(|url| address::look_up_by(url, by)),
        username: record.username.clone().unwrap_or_else(|| USERNAME.into()),
        password: record.password.clone().or_else(inherited),
    }
}

/// The directory in which a session's server was started; every request names it.
pub fn directory(record: &Record, server: Option<&Identity>) -> String {
    let recorded = record.workdir.clone().or_else(|| {
        let link = format!("/proc/{}/cwd", server?.pid);
        std::fs::read_link(link).ok().map(|path| path.to_string_lossy().into_owned())
    });
    recorded.or_else(|| record.config_path.clone()).unwrap_or_else(|| "/".into())
}

/// A session whose server runs, and the client that talks to it.
pub struct Server {
    /// The session's record.
    pub record: Record,
    /// The server's process; `None` if occtl did not start it and does not know it.
    pub process: Option<Identity>,
    /// Sends requests to it.
    pub client: Client,
    /// The directory in which it was started.
    pub directory: String,
}

impl Server {
    /// The session that `word` means. A dead server is an error (exit 4).
    pub fn open(context: &Context, word: &str) -> Result<Server> {
        let record = select(&context.store.read()?, word)?;
        let id = record.id.clone();
        let life = life(context, &record);
        match &life {
            Life::Alive(_) | Life::Adopted => {
                let process = life.server().cloned();
                let client = Client::new(endpoint(&record, process.as_ref()));
                let directory = directory(&record, process.as_ref());
                Ok(Server { record, process, client, directory })
            }
            Life::Elsewhere => Err(elsewhere(&record)),
            Life::Starting => Err(Error::unreachable(format!("session {id} is still starting"))
                .hint("occtl list shows when it is ready")),
            Life::Dead => Err(Error::unreachable(format!("session {id} is dead"))
                .hint(format!("occtl stop {id} removes what it left; occtl start starts another"))),
        }
    }

    /// Whether the server's process still runs; true if the process is not known.
    pub fn lives(&self) -> bool {
        self.process.as_ref().is_none_or(Identity::is_alive)
    }

    /// The error for a server that has ended since it was opened; `None` while it runs.
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

    /// The same after a failed request: a server whose process is not known has also ended if its
    /// port refuses connections.
    pub fn ended_by(&self, context: &Context, failure: &Failure) -> Option<Error> {
        let refused = self.process.is_none() && matches!(failure.cause, Cause::Refused);
        let id = &self.record.id;
        let ended = || Error::unreachable(format!("the server of session {id} ended: {failure}"));
        self.ended(context).or_else(|| refused.then(ended))
    }

    /// Moves the session's last use to now, and remembers the conversation that was used.
    ///
    /// This is only a note: a store that cannot be written or is locked for long is warned of, and
    /// neither hides what a command did nor keeps it from doing it.
    pub fn note_use(&self, context: &Context, conversation: Option<&str>) {
        let now = jiff::Timestamp::now();
        let used = |record: &mut Record| {
            record.set_active(now);
            if let Some(conversation) = conversation {
                record.conversation = Some(conversation.into());
            }
        };
        let noted = context.briefly(|| {
            context.update(|document| document.change(&self.record.id, used).map(drop))
        });
        if let Err(error) = noted {
            (context.say)(&format!(
                "warning: the use of {} is not recorded: {error}",
                self.record.id
            ));
        }
    }
}
