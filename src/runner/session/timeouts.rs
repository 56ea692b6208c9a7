//! How long requests may take, and the error for when the time is up.

use std::time::Duration;

use crate::error::{Code, Error};
use crate::units::seconds;

/// The longest that one request may take while a turn is followed.
pub const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// How long one such request may take at first. It is short because text, limits and signals wait
/// meanwhile; a server that turns out to need more time is given more.
pub const LOOK_FIRST: Duration = Duration::from_secs(2);

/// The error for a server that did not answer within the limit.
pub fn out_of_time(error: Error, limit: Duration) -> Error {
    Error::new(Code::Timeout, format!("the limit of {} is over: {}", seconds(limit), error.message))
}
