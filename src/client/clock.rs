//! What a server's clock shows: the `Date` of its answers, which come anyway.

use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ureq::Body;
use ureq::http::Response;

use crate::units::milliseconds;

/// How far a `Date` may be behind the clock that it shows: it has whole seconds, and OpenCode looks
/// at its clock only once a second.
pub const DATE_LAG: Duration = Duration::from_secs(2);

/// A `Date`, as long as `Sun, 29 Nov 2026 18:01:00 GMT`, and when it arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    date: [u8; 29],
    at: Instant,
}

impl Shown {
    /// What an answer shows.
    pub(super) fn by(response: &Response<Body>) -> Option<Shown> {
        let date = response.headers().get("date")?.as_bytes().try_into().ok()?;
        Some(Shown { date, at: Instant::now() })
    }

    /// What the clock shows now, in milliseconds since 1970.
    pub(super) fn now(&self) -> Option<u64> {
        Some(read(&self.date)? + milliseconds(self.at.elapsed()))
    }
}

/// The milliseconds since 1970 of a `Date`.
fn read(date: &[u8; 29]) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let text = std::str::from_utf8(date).ok()?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let month = i8::try_from(MONTHS.find(text.get(8..11)?)? / 3).ok()? + 1;
    let (hour, minute, second) = (small(17)?, small(20)?, small(23)?);
    let moment = DateTime::new(number(12, 16)?, month, small(5)?, hour, minute, second, 0).ok()?;
    let moment = moment.to_zoned(TimeZone::UTC).ok()?.timestamp();
    u64::try_from(moment.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_and_anything_else_is_none() {
        assert_eq!(read(b"Sun, 29 Nov 2026 18:01:00 GMT"), Some(1_795_975_260_000));
        assert_eq!(read(b"Thu, 01 Jan 1970 00:00:01 GMT"), Some(1000));
        for odd in ["Sun, 29 Nov 2026 18:61:00 GMT", "Sun, 29 Xxx 2026 18:01:00 GMT"] {
            assert_eq!(read(odd.as_bytes().try_into().unwrap()), None, "{odd}");
        }
        assert_eq!(read(&[b'x'; 29]), None);
        assert_eq!(read(&[0xff; 29]), None);
    }
}
