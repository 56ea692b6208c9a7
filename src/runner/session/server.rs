//! An open server: the record of a session, and the client that talks to its server.

use std::cell::Cell;
use std::sync::Arc;

use super::address;
use super::directory::directory;
use super::life::{Life, elsewhere, life};
use super::select::select;
use super::timeouts::out_of_time;
use crate::client::{CANNOT_READ_BACK, Cause, Client, Endpoint, Failure, WAITED_MOST};
use crate::error::{Code, Error, Reason, Result};
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

/// How to reach a record's server. A host's name is looked up until a deadline.
pub fn endpoint(record: &Record, server: Option<&Identity>, by: Deadline) -> Endpoint {
    // When 0.4.0 saves the store, it drops the fields that it does not know, this password among
    // them. The server's own environment still has it.
    let inherited = || {
        let variables = process::environment(server?.pid)?;
        variables.get(PASSWORD)?.to_str().map(String::from)
    };
    let adopted = record.adopted_url.as_deref();
    Endpoint {
        url: url(record),
        addresses: adopted.map(|url| address::look_up(url, by)).unwrap_or_default(),
        username: record.username.clone().unwrap_or_else(|| USERNAME.into()),
        password: record.password.clone().or_else(inherited),
    }
}

/// Where to see why a server ended; nothing of one that was adopted, which has no log here.
fn log_of(record: &Record) -> String {
    let id = &record.id;
    match record.adopted_url {
        None => format!("occtl logs --session {id} shows what the server said; "),
        Some(_) => String::new(),
    }
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
    /// Tells the user something.
    say: fn(&str),
    /// Whether the user knows that its conversations have impossible relatives.
    has_warned: Cell<bool>,
}

impl Server {
    /// The session that `word` means. A dead server is an error (exit 4).
    pub fn open(context: &Context, word: &str) -> Result<Server> {
        Server::open_by(context, word, context.deadline())
    }

    /// The same for a command that must be over at a deadline: no request takes longer.
    pub fn open_by(context: &Context, word: &str, deadline: Deadline) -> Result<Server> {
        let record = select(context, &context.store.read()?, word)?;
        let id = record.id.clone();
        let life = life(context, &record);
        match &life {
            Life::Alive(_) | Life::Adopted => {
                let process = life.server().cloned();
                let client = Client::new(endpoint(&record, process.as_ref(), deadline));
                if !deadline.is_never() {
                    client.limit_to(deadline, None);
                }
                if let Some(process) = process.clone() {
                    client.watch(Arc::new(move || process.work()));
                }
                let directory = directory(&record, process.as_ref());
                let (say, has_warned) = (context.say, Cell::new(false));
                Ok(Server { record, process, client, directory, say, has_warned })
            }
            Life::Elsewhere => Err(elsewhere(&record)),
            Life::Starting => Err(Error::unreachable(format!("session {id} is still starting"))
                .hint("occtl list shows when it is ready")),
            Life::Dead => Err(Error::unreachable(format!("session {id} is dead")).hint(format!(
                "{}occtl stop {id} removes what it left; occtl start starts another",
                log_of(&record)
            ))),
        }
    }

    /// Does something with the session that `word` means. An error says which session it is, where
    /// its server is the reason.
    pub fn with<T>(
        context: &Context,
        word: &str,
        act: impl FnOnce(&Server) -> Result<T>,
    ) -> Result<T> {
        let server = Server::open(context, word)?;
        act(&server).map_err(|error| match error.code {
            Code::Unreachable => server.explain(context, error),
            _ => server.complete(error),
        })
    }

    /// Whether the server's process still runs; true if the process is not known.
    pub fn lives(&self) -> bool {
        self.process.as_ref().is_none_or(Identity::is_alive)
    }

    /// The error for a server that has ended since it was opened; `None` while it runs.
    pub fn ended(&self) -> Option<Error> {
        let id = &self.record.id;
        (!self.lives()).then(|| {
            Error::unreachable(format!("the server of session {id} ended"))
                .hint(format!("{}occtl stop {id} removes what it left", log_of(&self.record)))
        })
    }

    /// An error about a conversation of this session, with what to do next filled in.
    fn complete(&self, error: Error) -> Error {
        if error.message != CANNOT_READ_BACK {
            return error;
        }
        error.hint(format!("occtl tail {} -n 1 shows what came after it", self.record.id))
    }

    /// Why something failed: because the server has ended, or else for the reason in `error`.
    pub fn explain(&self, context: &Context, error: impl Into<Error>) -> Error {
        self.ended().unwrap_or_else(|| self.explain_silence(context, error.into()))
    }

    /// What a silence of the server means to the user.
    fn explain_silence(&self, context: &Context, error: Error) -> Error {
        let id = &self.record.id;
        if error.reason != Some(Reason::Silent) {
            return error;
        }
        let what = format!("session {id} does not answer: {}", error.message);
        if self.client.is_out_of_time() {
            let limit = context.limit().unwrap_or(WAITED_MOST);
            return out_of_time(Error::silent(what), limit)
                .hint(format!("-t SECONDS waits longer; occtl status {id}"));
        }
        Error::silent(what).hint(format!("occtl status {id}; occtl stop --force {id} ends it"))
    }

    /// The same after a failed request: a server whose process is not known has also ended if its
    /// port refuses connections.
    pub fn ended_by(&self, failure: &Failure) -> Option<Error> {
        let refused = self.process.is_none() && matches!(failure.cause, Cause::Refused);
        let id = &self.record.id;
        let ended = || Error::unreachable(format!("the server of session {id} ended: {failure}"));
        self.ended().or_else(|| refused.then(ended))
    }

    /// Tells the user, once, that the conversations above or below one are listed in circles or
    /// without end, so that not all of them are looked at.
    pub fn warn_of_relatives(&self, conversation: &str) {
        if !self.has_warned.replace(true) {
            (self.say)(&format!(
                "warning: session {} lists the conversations above or below {conversation} in \
                 circles or without end; not all of them are looked at",
                self.record.id
            ));
        }
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
