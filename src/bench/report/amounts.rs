//! Times, money and counts as people read them.

use crate::units::usd;

/// A time: `850 ms`, `3.2 s`, `12 min 5 s`, `3 h 20 min`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..59_950 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        59_950..3_600_000 => {
            let seconds = seconds.max(60);
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// US dollars: cents, and below one dollar hundredths of them.
pub fn dollars(amount: f64) -> String {
    format!("${}", usd(amount, if amount < 1.0 { 4 } else { 2 }))
}

/// A count with its thousands apart: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with what is counted: `1 step`, `2 steps`.
pub fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}

/// A size: `17 bytes`, `12 KB`, `3.4 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => counted(bytes, "byte"),
        10_000..1_000_000 => format!("{} KB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_in_units_that_fit_them() {
        let times = [(0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (59_949, "59.9 s")];
        let more = [(59_960, "1 min 0 s"), (725_000, "12 min 5 s"), (12_000_000, "3 h 20 min")];
        for (time, shown) in times.into_iter().chain(more) {
            assert_eq!(duration(time), shown);
        }
        assert_eq!((dollars(0.00123), dollars(12.345)), ("$0.0012".into(), "$12.35".into()));
        assert_eq!(dollars(-0.0), "$0.0000");
        let counts = [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")];
        counts.iter().for_each(|(number, shown)| assert_eq!(count(*number), *shown));
        let sizes =
            [(1, "1 byte"), (9999, "9,999 bytes"), (12_345, "12 KB"), (3_456_789, "3.5 MB")];
        sizes.iter().for_each(|(bytes, shown)| assert_eq!(size(*bytes), *shown));
    }
}
