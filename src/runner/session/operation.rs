//! What a command works with while it uses one server for a limited time.

use std::time::Duration;

use super::server::Server;
use super::timeouts::out_of_time;
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::signals::Signals;
use crate::units::{Deadline, pause};

/// How long after its connections a killed server's process may still be seen.
const GONE_WITHIN: Duration = Duration::from_millis(100);

/// A command's work with one session's server, which the limit or a signal may cut short.
pub struct Operation<'a> {
    /// What the command itself works with.
    pub context: &'a Context,
    /// The signals that end the work early.
    pub signals: Signals,
    /// The session's server. Its client gives up at the deadline and at the first signal.
    pub server: Server,
    /// When the work must be over.
    pub deadline: Deadline,
    /// The limit that the user gave, for messages. The deadline may be sooner, where a part of the
    /// limit was used up before the work began.
    pub limit: Duration,
}

impl<'a> Operation<'a> {
    /// Opens the session that `word` means, for as long as `limit`. A dead server is an error
    /// (exit 4).
    pub fn begin(context: &'a Context, word: &str, limit: Duration) -> Result<Operation<'a>> {
        let signals = context.catch_signals()?;
        let deadline = Deadline::after(limit);
        let server = Server::open_by(context, word, deadline)?;
        server.client.limit_to(deadline, Some(signals.flag()));
        Ok(Operation { context, signals, server, deadline, limit })
    }

    /// What an error really is: a server that stays silent until the time is up, or until a signal
    /// arrives, is not unreachable, and one that has ended is.
    pub fn explain(&self, error: impl Into<Error>) -> Error {
        let error = error.into();
        if error.code != Code::Unreachable {
            return error;
        }
        if let Some(code) = self.signals.received() {
            return Error::new(code, format!("{}: {}", code.interrupted(), error.message));
        }
        if self.deadline.expired() {
            return out_of_time(error, self.limit);
        }
        // A connection breaks a moment before its process is gone.
        pause(GONE_WITHIN);
        self.server.explain(self.context, error)
    }
}
