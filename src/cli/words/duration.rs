//! Durations as they are typed: `90`, `0.5`, `500ms`, `1h30m`.

use std::time::Duration;

/// The units and how many seconds each has, the largest first.
const UNITS: [(&str, f64); 5] =
    [("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];

/// A number of seconds, or numbers with units, each unit smaller than the one before.
pub fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut units = &UNITS[..];
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number_ends = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(number_ends);
        let unit_ends = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_ends);
        let at = units.iter().position(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * units[at].1;
        units = &units[at + 1..];
        rest = behind;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_seconds_or_units_from_the_largest_to_the_smallest() {
        for (text, milliseconds) in [
            ("90", 90_000),
            ("0.5", 500),
            ("0", 0),
            ("500ms", 500),
            ("1.5m", 90_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(duration(text).map(|found| found.as_millis()), Some(expected.as_millis()));
        }
        for text in
            ["-1", "nan", "inf", "1e400", "h", "30m1h", "1m1m", "1h30", "1 h", "1H", "1..5s"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(duration("999999999999999999999d"), None);
    }
}
