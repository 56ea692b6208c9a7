//! How long requests may take, and what an error really is when the time is up.

use std::time::Duration;

use super::server::Server;
use crate::error::{Code, Error};
use crate::runner::context::Context;
use crate::runner::signals::Signals;
use crate::units::{Deadline, pause, seconds};

/// The longest that one request may take while a turn is followed.
pub const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// What it may take at first: short, because text, limits and signals wait meanwhile. A server that
/// turns out to need more gets more.
pub const LOOK_FIRST: Duration = Duration::from_secs(2);

/// How long a request may take when a command has `left` until its own limit.
pub fn capped(left: Duration, limit: Duration) -> Duration {
    left.min(limit).max(Duration::from_millis(1))
}

/// How long after its connections a killed server's process may still be seen.
const GONE_WITHIN: Duration = Duration::from_millis(100);

/// What an error really is: a server that is silent until the time is up is a limit that was reached.
pub fn cut_short(
    context: &Context,
    signals: &Signals,
    server: &Server,
    error: Error,
    deadline: Deadline,
    limit: Duration,
) -> Error {
    if error.code != Code::Unreachable {
        return error;
    }
    if let Some(code) = signals.received() {
        return Error::new(code, format!("interrupted: {}", error.message));
    }
    if deadline.expired() {
        return out_of_time(error, limit);
    }
    // A connection breaks a moment before its process is gone.
    pause(GONE_WITHIN);
    server.ended(context).unwrap_or(error)
}

/// The error for a server that answered nothing within the limit.
pub fn out_of_time(error: Error, limit: Duration) -> Error {
    Error::new(Code::Timeout, format!("the limit of {} is over: {}", seconds(limit), error.message))
}
