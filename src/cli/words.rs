//! The words of a command line, held against the tables of [`super::spec`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Arg, Parser};

use super::spec::{COLOR, COMMANDS, Command, Flag, GLOBAL, shown};
use crate::error::{Error, Result};
use crate::runner::nearest;

/// What was found on a command line.
pub enum Found {
    /// A command and its words.
    Command(Words),
    /// `-h`, `--help`: for one command, or for all.
    Help(Option<&'static Command>),
    /// `-V`, `--version`.
    Version,
    /// Nothing at all.
    Nothing,
}

/// The flags that work for every command, as far as the line could be read.
#[derive(Clone, Debug, Default)]
pub struct Global {
    /// `--json`.
    pub json: bool,
    /// `--color`, unless it was left out.
    pub color: Option<String>,
}

impl Global {
    /// `--color`, or its default.
    pub fn color(&self) -> &str {
        let default = || COLOR.absent.default().unwrap_or_default();
        self.color.as_deref().unwrap_or_else(default)
    }
}

/// The words behind a command's name.
pub struct Words {
    command: &'static Command,
    flags: Vec<(&'static str, OsString)>,
    operands: Vec<OsString>,
    /// Which flags the command asked for, and the values that it got. The tests of the tables look
    /// at it: a flag that its command never asks for would do nothing.
    read: RefCell<BTreeMap<&'static str, Vec<OsString>>>,
}

/// Reads a command line, without the program's name. Nothing happens but reading.
pub fn read(arguments: Vec<OsString>, global: &mut Global) -> Result<Found> {
    let mut parser = Parser::from_args(arguments);
    let mut command: Option<&'static Command> = None;
    let mut flags = Vec::new();
    let mut operands = Vec::new();
    let mut help = false;
    while let Some(argument) = parser.next().map_err(usage)? {
        let (flag, shown) = match argument {
            Arg::Value(word) => {
                match command {
                    None => command = Some(find(&word)?),
                    Some(_) => operands.push(word),
                }
                continue;
            }
            Arg::Long("version") if command.is_none() => return Ok(Found::Version),
            Arg::Short('V') if command.is_none() => return Ok(Found::Version),
            Arg::Long(name) => {
                let found = flags_of(command).find(|flag| flag.long == name);
                (found, format!("--{name}"))
            }
            Arg::Short(letter) => {
                let found = flags_of(command).find(|flag| flag.short == Some(letter));
                (found, format!("-{letter}"))
            }
        };
        let Some(flag) = flag else { return Err(unknown_flag(command, &shown)) };
        let value = match flag.value {
            Some(_) => parser.value().map_err(|_| missing_value(command, flag, &shown))?,
            None => OsString::new(),
        };
        check_choice(flag, &value)?;
        match flag.long {
            "help" => help = true,
            "json" => global.json = true,
            "color" => global.color = value.to_str().map(String::from),
            _ => {}
        }
        // The last one counts, as in 0.4.0: scripts put their defaults before "$@".
        if !flag.many {
            flags.retain(|(long, _)| *long != flag.long);
        }
        flags.push((flag.long, value));
    }
    match command {
        _ if help => Ok(Found::Help(command)),
        None => Ok(Found::Nothing),
        Some(command) => {
            let words = Words { command, flags, operands, read: RefCell::default() };
            words.check_operands()?;
            Ok(Found::Command(words))
        }
    }
}

fn flags_of(command: Option<&'static Command>) -> impl Iterator<Item = &'static Flag> {
    command.into_iter().flat_map(Command::all_flags).chain(&GLOBAL)
}

/// A command by its name; a wrong one is an error that knows the nearest, by letters or by what other programs call it.
pub fn find(word: &OsStr) -> Result<&'static Command> {
    let word = word.to_string_lossy();
    let meant = match &*word {
        "ls" | "ps" => Some("list"),
        "up" | "serve" | "new" | "create" => Some("start"),
        "down" | "kill" | "rm" | "quit" | "exit" => Some("stop"),
        "ask" | "chat" | "prompt" | "exec" => Some("send"),
        "get" | "show" | "inspect" => Some("status"),
        _ => None,
    };
    COMMANDS.iter().copied().find(|command| command.name == word).ok_or_else(|| {
        let names = shown().map(|command| command.name);
        let error = Error::usage(format!("there is no command {word}"));
        match meant.or_else(|| nearest(&word, names)) {
            Some(name) => error.hint(format!("did you mean {name}?")),
            None => error.hint("occtl help lists them"),
        }
    })
}

fn unknown_flag(command: Option<&'static Command>, shown: &str) -> Error {
    let (of, help) = match command {
        Some(command) => {
            (format!("occtl {}", command.name), format!("occtl help {}", command.name))
        }
        None => ("occtl".into(), "occtl help".into()),
    };
    let error = Error::usage(format!("{of} has no flag {shown}"));
    let names = flags_of(command).map(|flag| flag.long);
    match shown.strip_prefix("--").and_then(|name| nearest(name, names)) {
        Some(name) => error.hint(format!("did you mean --{name}?")),
        None => error.hint(format!("{help} lists them")),
    }
}

fn missing_value(command: Option<&'static Command>, flag: &Flag, shown: &str) -> Error {
    let help = command.map_or("help".into(), |command| format!("help {}", command.name));
    let value = flag.value.unwrap_or_default();
    Error::usage(format!("{shown} needs a value, {value}")).hint(format!("occtl {help}"))
}

fn check_choice(flag: &Flag, value: &OsStr) -> Result<()> {
    let fits = flag.choices.is_empty() || flag.choices.iter().any(|choice| value == *choice);
    if fits {
        return Ok(());
    }
    let shown = value.display();
    Err(Error::usage(format!("--{} cannot be {shown}", flag.long))
        .hint(format!("one of {}", flag.choices.join(", "))))
}

fn usage(error: lexopt::Error) -> Error {
    Error::usage(error.to_string()).hint("occtl help COMMAND tells what it takes")
}

impl Words {
    #[cfg(test)]
    pub fn given(command: &'static Command, operands: Vec<OsString>) -> Words {
        Words { command, flags: Vec::new(), operands, read: RefCell::default() }
    }

    #[cfg(test)]
    pub fn flags_read(&self) -> BTreeMap<&'static str, Vec<OsString>> {
        self.read.borrow().clone()
    }

    /// The command that the words belong to.
    pub fn command(&self) -> &'static Command {
        self.command
    }

    fn check_operands(&self) -> Result<()> {
        let listed = self.command.operands;
        let name = self.command.name;
        let help = format!("occtl help {name}");
        let mut required = listed.iter().filter(|operand| operand.required);
        if let Some(missing) = required.nth(self.operands.len()) {
            let missing = missing.name;
            let hint = if missing == "SESSION" { "occtl list shows them".into() } else { help };
            return Err(Error::usage(format!("occtl {name} needs a {missing}")).hint(hint));
        }
        let unlimited = listed.last().is_some_and(|operand| operand.many);
        match self.operands.get(listed.len()) {
            Some(extra) if !unlimited => {
                let extra = extra.display();
                Err(Error::usage(format!("occtl {name} does not know what to do with {extra}"))
                    .hint(help))
            }
            _ => Ok(()),
        }
    }

    /// The flag of the table with that name. Asking for one that is not listed is a mistake of ours.
    fn listed(&self, long: &str) -> Option<&'static Flag> {
        let flag = self.command.all_flags().find(|flag| flag.long == long);
        debug_assert!(flag.is_some(), "--{long} is not in the table of {}", self.command.name);
        flag
    }

    /// Whether a flag is on the command line.
    pub fn has(&self, long: &str) -> bool {
        let Some(flag) = self.listed(long) else { return false };
        self.read.borrow_mut().entry(flag.long).or_default();
        self.flags.iter().any(|(name, _)| *name == flag.long)
    }

    /// All values of a flag that may be repeated, as they were typed; without any the default of
    /// the table. Every other reader of values goes through here.
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

    /// All values of a flag that may be repeated, which must be text.
    pub fn values(&self, long: &str) -> Result<Vec<String>> {
        self.os_values(long).iter().map(|value| text(value)).collect()
    }

    /// A flag's value, which must be text.
    pub fn value(&self, long: &str) -> Result<Option<String>> {
        let text = |value: OsString| {
            value.into_string().map_err(|value| {
                Error::usage(format!("--{long} is not UTF-8: {}", value.display()))
            })
        };
        self.os_value(long).map(text).transpose()
    }

    /// The value of a flag that has a default, which must be text.
    pub fn text(&self, long: &str) -> Result<String> {
        Ok(certain(long, self.value(long)?))
    }

    /// A flag's value as a number, which may have a fraction and is not negative.
    pub fn number(&self, long: &str) -> Result<Option<f64>> {
        let Some(text) = self.value(long)? else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| *number >= 0.0);
        number.map(Some).ok_or_else(|| wrong_value(long, &text, "a number, for example 3"))
    }

    /// A flag's value as a whole number.
    pub fn whole_number<T: FromStr>(&self, long: &str) -> Result<Option<T>> {
        let Some(text) = self.value(long)? else { return Ok(None) };
        let number = text.parse().map(Some);
        number.map_err(|_| wrong_value(long, &text, "a whole number, 0 or more"))
    }

    /// The value of a flag that has a default, as a whole number.
    pub fn count(&self, long: &str) -> Result<usize> {
        Ok(certain(long, self.whole_number(long)?))
    }

    /// A flag's value in seconds. Zero is not accepted.
    pub fn optional_seconds(&self, long: &str) -> Result<Option<Duration>> {
        let Some(text) = self.value(long)? else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| *number > 0.0);
        let duration = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
        let hint = "a number of seconds above 0, for example 90 or 0.5";
        duration.map(Some).ok_or_else(|| wrong_value(long, &text, hint))
    }

    /// The value of a flag that has a default, in seconds. Zero is not accepted.
    pub fn seconds(&self, long: &str) -> Result<Duration> {
        Ok(certain(long, self.optional_seconds(long)?))
    }

    /// The same for a flag to which zero means something.
    pub fn seconds_or_zero(&self, long: &str) -> Result<Duration> {
        if self.text(long)?.parse::<f64>() == Ok(0.0) {
            return Ok(Duration::ZERO);
        }
        self.seconds(long)
    }

    /// The operand at a place, or else the default of the table; it must be text.
    pub fn operand(&self, index: usize) -> Result<Option<String>> {
        if let Some(word) = self.operands.get(index) {
            return text(word).map(Some);
        }
        let listed = self.command.operands.get(index);
        Ok(listed.and_then(|operand| operand.absent.default()).map(String::from))
    }

    /// The operand at a place that the table requires or has a default for.
    pub fn required(&self, index: usize) -> Result<String> {
        Ok(self.operand(index)?.unwrap_or_default())
    }

    /// All operands from a place on.
    pub fn rest(&self, index: usize) -> Result<Vec<String>> {
        self.operands.iter().skip(index).map(|word| text(word)).collect()
    }
}

/// The value of a flag that has a default. That the table has none for it is a mistake of ours.
fn certain<T: Default>(long: &str, value: Option<T>) -> T {
    debug_assert!(value.is_some(), "--{long} has no default in the table");
    value.unwrap_or_default()
}

fn wrong_value(long: &str, value: &str, right: &str) -> Error {
    Error::usage(format!("--{long} cannot be {value}")).hint(right)
}

fn text(word: &OsStr) -> Result<String> {
    let text = word.to_str().map(String::from);
    text.ok_or_else(|| Error::usage(format!("{} is not UTF-8", word.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_words_are_they_are_read_or_refused() {
        let lines = [
            "send oc-1 -w --timeout 5 --title t -s ses_1 -- -x hello",
            "start -q -w /x --env A=B --label k=v --isolate --name n --base=HEAD -t1e3",
            "tail oc-1 -fn 5 --role user -g x -o f -C",
            "--json --color never list -o id,port,state",
            "stop --all --grace 0 -f",
        ];
        crate::testing::mutations(&lines, Duration::from_millis(500), |bytes| {
            use std::os::unix::ffi::OsStringExt;
            let words = bytes.split(|byte| *byte == b' ').filter(|word| !word.contains(&0));
            let words = words.map(|word| OsString::from_vec(word.to_vec())).collect();
            match read(words, &mut Global::default()) {
                // Reading the flags of a command does nothing but read.
                Ok(Found::Command(words)) => drop((words.command().parse)(&words)),
                Ok(_) => {}
                Err(error) => assert_eq!(error.code.exit(), 2, "{error}"),
            }
        });
    }

    fn parse(line: &str) -> Result<Found> {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        read(arguments, &mut Global::default())
    }

    fn error(line: &str) -> String {
        match parse(line) {
            Err(error) => {
                assert_eq!(error.code.exit(), 2, "{line}");
                error.to_string()
            }
            Ok(_) => panic!("{line} is accepted"),
        }
    }

    #[test]
    fn wrong_words_are_named_and_the_nearest_right_one_is_suggested() {
        assert!(error("strat").contains("did you mean start?"));
        assert!(error("sta").contains("did you mean sta"));
        assert!(error("xyzzy").contains("occtl help lists them"));
        assert!(error("start --timout 3").contains("did you mean --timeout?"));
        assert!(error("start -Z").contains("occtl start has no flag -Z"));
        assert!(error("list extra").contains("extra"));
        assert!(error("status").contains("needs a SESSION"));
        assert!(error("start --timeout").contains("needs a value, SECONDS"));
        assert!(error("list --color sometimes").contains("auto, always, never"));
        assert!(error("list --json=1").contains("json"));
    }

    #[test]
    fn seconds_are_numbers_above_zero() {
        for bad in ["0", "-1", "nan", "inf", "1h", "", "1e400"] {
            let arguments = vec!["start".into(), format!("--timeout={bad}").into()];
            let found = read(arguments, &mut Global::default()).unwrap();
            let Found::Command(words) = found else { panic!() };
            assert!(words.seconds("timeout").is_err(), "{bad}");
        }
        let Found::Command(words) = parse("start -t 1.5").unwrap() else { panic!() };
        assert_eq!(words.seconds("timeout").unwrap(), Duration::from_millis(1500));
        let Found::Command(words) = parse("start -t 9 -w a -t 2 -w b").unwrap() else { panic!() };
        assert_eq!(words.seconds("timeout").unwrap(), Duration::from_secs(2));
        assert_eq!(words.path("workdir"), Some("b".into()), "the last one counts");
    }

    #[test]
    fn global_flags_may_stand_before_and_behind_the_command() {
        for line in ["--json list", "list --json"] {
            let mut global = Global::default();
            let arguments = line.split(' ').map(OsString::from).collect();
            assert!(matches!(read(arguments, &mut global), Ok(Found::Command(_))));
            assert!(global.json, "{line}");
        }
        assert!(matches!(parse("start --help --timeout 3"), Ok(Found::Help(Some(_)))));
        assert!(matches!(parse("-V"), Ok(Found::Version)));
        assert!(matches!(parse(""), Ok(Found::Nothing)));
    }
}
