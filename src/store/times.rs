//! The times of a record, as opencode-ctl 0.4.0 and as occtl write them.
//!
//! 0.4.0 stores naive local times and reads them back in the time zone of the reader. occtl writes
//! the same fields for it, and beside them the moment in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::units::time_zone;

/// The largest distance of any local time from UTC, with a margin.
const LARGEST_OFFSET_MINUTES: i64 = 15 * 60;

/// A moment in the format of 0.4.0: local, without zone, in microseconds.
pub fn local_time(moment: Timestamp) -> String {
    let local = moment.to_zoned(time_zone().clone()).datetime();
    local.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

/// A moment in the precision of 0.4.0, so that the local and the UTC field agree.
pub fn whole_microseconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(moment.as_microsecond()).unwrap_or(moment)
}

/// The moment that a naive local time and its UTC twin mean.
///
/// The twin counts as long as it is the same clock reading in some time zone. If it is not, 0.4.0
/// has changed the naive time since, and that is read in the time zone of this process.
pub fn moment(naive: &str, utc: Option<&str>) -> Option<Timestamp> {
    let utc: Option<Timestamp> = utc.and_then(|text| text.parse().ok());
    let Ok(local) = naive.parse::<DateTime>() else {
        // Some Python tools write a zone; then there is nothing to guess.
        return naive.parse().ok().or(utc);
    };
    if let Some(twin) = utc {
        let reading = twin.to_zoned(TimeZone::UTC).datetime();
        let seconds = local.duration_since(reading);
        let whole_quarters = seconds.as_secs() % 900 == 0 && seconds.subsec_nanos() == 0;
        if whole_quarters && seconds.as_secs().abs() <= LARGEST_OFFSET_MINUTES * 60 {
            return Some(twin);
        }
    }
    local.to_zoned(time_zone().clone()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_utc_twin_counts_in_any_zone_until_0_4_0_moves_the_naive_time() {
        let twin = Some("2026-11-22T09:00:00.123456Z");
        let expected: Timestamp = "2026-11-22T09:00:00.123456Z".parse().unwrap();
        assert_eq!(moment("2026-11-22T14:30:00.123456", twin), Some(expected));
        assert_eq!(moment("2026-11-22T01:00:00.123456", twin), Some(expected));
        assert_ne!(moment("2026-11-22T14:30:01.000001", twin), Some(expected));
    }

    #[test]
    fn a_time_that_is_none_is_unknown() {
        assert_eq!(moment("yesterday", None), None);
        assert_eq!(moment("", None), None);
    }
}
