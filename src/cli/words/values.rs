//! The values of flags and operands. One that is not given has the default of the table.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::day::{self, Day};
use super::duration::duration;
use super::wrong::wrong_value;
use crate::cli::App;
use crate::cli::spec::{Action, Exit, Flag, Words};
use crate::error::{Error, Result};
use crate::runner::conversation::Target;

impl Words {
    /// The conversation of `CONVERSATION_TO_USE`.
    pub fn target(&self) -> Result<Target> {
        Ok(self.value("session")?.map_or(Target::LastUsed, Target::Given))
    }

    /// The flag of that name in the table. That there is none is a defect of the command.
    fn listed(&self, long: &str) -> Option<&'static Flag> {
        let flag = self.command.all_flags().find(|flag| flag.long == long);
        debug_assert!(flag.is_some(), "--{long} is not in the table of {}", self.command.name);
        flag
    }

    /// Whether a flag was given.
    pub fn has(&self, long: &str) -> bool {
        let Some(flag) = self.listed(long) else { return false };
        self.read.borrow_mut().entry(flag.long).or_default();
        self.flags.iter().any(|(name, _)| *name == flag.long)
    }

    /// All values of a flag as they were typed, or else the default of the table. Every other
    /// method that gives a value calls this one.
    pub fn os_values(&self, long: &str) -> Vec<OsString> {
        let Some(flag) = self.listed(long) else { return Vec::new() };
        let own = self.flags.iter().filter(|(name, _)| *name == flag.long);
        let mut values: Vec<OsString> = own.map(|(_, value)| value.clone()).collect();
        if values.is_empty() {
            values.extend(flag.absent.default().map(OsString::from));
        }
        self.read.borrow_mut().insert(flag.long, values.clone());
        values
    }

    /// A flag's value as it was typed.
    pub fn os_value(&self, long: &str) -> Option<OsString> {
        self.os_values(long).pop()
    }

    /// A flag's value as a path.
    pub fn path(&self, long: &str) -> Option<PathBuf> {
        self.os_value(long).map(PathBuf::from)
    }

    /// All values of a flag. An error if one is not UTF-8.
    pub fn values(&self, long: &str) -> Result<Vec<String>> {
        self.os_values(long).iter().map(|value| text(value)).collect()
    }

    /// A flag's value. An error if it is not UTF-8.
    pub fn value(&self, long: &str) -> Result<Option<String>> {
        let text = |value: OsString| {
            value.into_string().map_err(|value| {
                Error::usage(format!("--{long} is not UTF-8: {}", value.display()))
            })
        };
        self.os_value(long).map(text).transpose()
    }

    /// The value of a flag that has a default. An error if it is not UTF-8.
    pub fn text(&self, long: &str) -> Result<String> {
        Ok(certain(long, self.value(long)?))
    }

    /// A flag's value as a number, which may have a fraction. Negative numbers are refused.
    pub fn number(&self, long: &str) -> Result<Option<f64>> {
        let Some(text) = self.value(long)? else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| *number >= 0.0);
        number
            .map(Some)
            .ok_or_else(|| wrong_flag(long, &text, "a number, 0 or more, for example 0.5"))
    }

    /// A flag's value as a whole number, which must fit `T`.
    pub fn whole_number<T: FromStr>(&self, long: &str) -> Result<Option<T>> {
        let Some(text) = self.value(long)? else { return Ok(None) };
        let number = text.parse().map(Some);
        number.map_err(|_| wrong_flag(long, &text, "a whole number, 0 or more"))
    }

    /// The value of a flag that has a default, as a whole number.
    pub fn count(&self, long: &str) -> Result<usize> {
        Ok(certain(long, self.whole_number(long)?))
    }

    /// A flag's value as a day.
    pub fn day(&self, long: &str) -> Result<Option<Day>> {
        let Some(text) = self.value(long)? else { return Ok(None) };
        let day = Day::read(&text).map(Some);
        day.ok_or_else(|| wrong_flag(long, &text, day::ACCEPTED))
    }

    /// A flag's value in seconds. Zero is refused.
    pub fn optional_seconds(&self, long: &str) -> Result<Option<Duration>> {
        let text = self.value(long)?;
        text.map(|text| seconds_above_zero(&format!("--{long}"), &text)).transpose()
    }

    /// An action that is over within `--timeout`, if that is given.
    pub fn within(&self, act: impl FnOnce(&mut App) -> Result<Exit> + 'static) -> Result<Action> {
        let limit = self.optional_seconds("timeout")?;
        Ok(Box::new(move |app| {
            app.limit = limit;
            act(app)
        }))
    }

    /// The value of a flag that has a default, in seconds. Zero is refused.
    pub fn seconds(&self, long: &str) -> Result<Duration> {
        Ok(certain(long, self.optional_seconds(long)?))
    }

    /// The same, but zero is accepted.
    pub fn seconds_or_zero(&self, long: &str) -> Result<Duration> {
        let text = self.text(long)?;
        let hint = "a number of seconds, 0 or more, for example 90, or with units: 500ms, 1h30m";
        duration(&text).ok_or_else(|| wrong_flag(long, &text, hint))
    }

    /// The operand at an index, or else its default. An error if it is not UTF-8.
    pub fn operand(&self, index: usize) -> Result<Option<String>> {
        if let Some(word) = self.operands.get(index) {
            return text(word).map(Some);
        }
        let listed = self.command.operands.get(index);
        Ok(listed.and_then(|operand| operand.absent.default()).map(String::from))
    }

    /// The operand at an index, which the table requires or has a default for.
    pub fn required(&self, index: usize) -> Result<String> {
        Ok(self.operand(index)?.unwrap_or_default())
    }

    /// All operands, which may be any bytes.
    pub fn os_rest(&self) -> Vec<OsString> {
        self.operands.clone()
    }

    /// All operands from an index on.
    pub fn rest(&self, index: usize) -> Result<Vec<String>> {
        self.operands.iter().skip(index).map(|word| text(word)).collect()
    }
}

/// A duration above zero, which is the value of `name`.
pub fn seconds_above_zero(name: &str, text: &str) -> Result<Duration> {
    let above_zero = duration(text).filter(|duration| !duration.is_zero());
    let accepted = "a number of seconds above 0, for example 90, or with units: 500ms, 1h30m";
    above_zero.ok_or_else(|| wrong_value(name, text, accepted))
}

/// The value of a flag that has a default. That it has none is a defect of the table.
fn certain<T: Default>(long: &str, value: Option<T>) -> T {
    debug_assert!(value.is_some(), "--{long} has no default in the table");
    value.unwrap_or_default()
}

fn wrong_flag(long: &str, value: &str, accepted: &str) -> Error {
    wrong_value(&format!("--{long}"), value, accepted)
}

fn text(word: &OsStr) -> Result<String> {
    let text = word.to_str().map(String::from);
    text.ok_or_else(|| Error::usage(format!("{} is not UTF-8", word.display())))
}

#[cfg(test)]
mod tests {
    use super::super::{Found, Global, read};
    use super::*;
    use crate::cli::commands::COMMANDS;

    fn start(line: &str) -> Words {
        let arguments = format!("start {line}").split(' ').map(OsString::from).collect();
        match read(arguments, COMMANDS, &mut Global::default()) {
            Ok(Found::Command(words)) => words,
            _ => panic!("{line:?} is not read as a command"),
        }
    }

    #[test]
    fn seconds_are_numbers_above_zero() {
        for bad in ["0", "-1", "nan", "inf", "0ms", "30m1h", "1e400"] {
            assert!(start(&format!("--timeout={bad}")).seconds("timeout").is_err(), "{bad}");
        }
        assert_eq!(start("-t 1m1s").seconds("timeout").unwrap(), Duration::from_secs(61));
        let words = start("-t 1.5");
        assert_eq!(words.seconds("timeout").unwrap(), Duration::from_millis(1500));
    }

    #[test]
    fn of_a_flag_that_is_given_twice_the_last_one_counts() {
        let words = start("-t 9 -w a -t 2 -w b");
        assert_eq!(words.seconds("timeout").unwrap(), Duration::from_secs(2));
        assert_eq!(words.path("workdir"), Some("b".into()));
    }
}
