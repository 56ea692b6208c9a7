//! Days as a user writes them.

use jiff::ToSpan;
use jiff::civil::Date;

/// What is accepted, for an error message.
pub const ACCEPTED: &str = "2026-11-30, today, yesterday, or 7d for seven days ago";

/// The most days that can be counted back: more than a hundred years.
const MOST_DAYS: i32 = 50_000;

/// A day as it was written: parsing a command line does not look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// This one.
    On(Date),
    /// The one so many days before today.
    Ago(i32),
}

impl Day {
    /// The day that a text means; `None` if it means none.
    pub fn read(text: &str) -> Option<Day> {
        match text {
            "today" => Some(Day::Ago(0)),
            "yesterday" => Some(Day::Ago(1)),
            _ => match text.strip_suffix('d') {
                Some(count) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                    count.parse().ok().filter(|days| *days <= MOST_DAYS).map(Day::Ago)
                }
                // The length keeps out a time of day, which would be dropped without a word.
                None if text.len() == "2026-11-30".len() => text.parse().ok().map(Day::On),
                _ => None,
            },
        }
    }

    /// The date, as seen from today.
    pub fn date(self, today: Date) -> Date {
        match self {
            Day::On(date) => date,
            Day::Ago(days) => today.saturating_sub(days.days()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_is_a_date_or_counted_back_from_today() {
        let today = date(2026, 3, 1);
        for (text, expected) in [
            ("2026-02-28", Some(date(2026, 2, 28))),
            ("today", Some(today)),
            ("yesterday", Some(date(2026, 2, 28))),
            ("0d", Some(today)),
            ("7d", Some(date(2026, 2, 22))),
            ("2026-02-30", None),
            ("2026-02-28T10:00", None),
            ("tomorrow", None),
            ("d", None),
            ("-1d", None),
            ("7", None),
            ("9999999999d", None),
            ("", None),
        ] {
            assert_eq!(Day::read(text).map(|day| day.date(today)), expected, "{text}");
        }
    }
}
