//! How often REST is asked beside an event stream.

use std::time::Duration;

use crate::units::Backoff;

/// How often REST is asked while events tell that the turn goes on.
pub const CALM: Duration = Duration::from_secs(5);

/// The same while they tell nothing.
pub const ALERT: Backoff = Backoff::new(ALERT_FIRST, Duration::from_secs(2));

/// The first of these pauses.
pub const ALERT_FIRST: Duration = Duration::from_millis(250);

/// How soon REST is asked again when an event says that the end is near and REST does not yet.
pub const NEAR_FIRST: Duration = Duration::from_millis(10);
