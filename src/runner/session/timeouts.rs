//! How long requests may take, and the error for when the time is up.

use std::time::Duration;

use crate::error::{Code, Error};
use crate::units::seconds;

/// The longest that one request may take while a turn is followed.
pub const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// What it may take at first: short, because text, limits and signals wait meanwhile. A server that
/// turns out to need more gets more.
pub const LOOK_FIRST: Duration = Duration::from_secs(2);

/// How long a request may take when a command has `left` until its own limit.
pub fn capped(left: Duration, limit: Duration) -> Duration {
    left.min(limit).max(Duration::from_millis(1))
}

/// The error for a server that answered nothing within the limit.
pub fn out_of_time(error: Error, limit: Duration) -> Error {
    Error::new(Code::Timeout, format!("the limit of {} is over: {}", seconds(limit), error.message))
}
