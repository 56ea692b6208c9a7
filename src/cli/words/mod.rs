//! Reads a command line by the tables of commands and flags.

mod combined;
mod day;
mod duration;
mod values;
mod wrong;

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use lexopt::{Arg, Parser};

pub use super::spec::Words;
use super::spec::{COLOR, Command, Commands, Flag, flags_of, members};
use crate::error::{Error, Result};
pub use combined::any_of;
use combined::empty_value;
pub use day::Day;
pub use values::seconds_above_zero;
use wrong::{brief, missing_value, unknown_flag, unreadable};
pub use wrong::{find, find_member, wrong_choice, wrong_value};

/// What a command line asks for.
pub enum Found {
    /// A command.
    Command(Words),
    /// `-h` or `--help`: help for one command, or for all.
    Help(Option<&'static Command>),
    /// `-V` or `--version`.
    Version,
    /// Nothing: the line is empty.
    Nothing,
}

/// The flags of every command, as far as the line could be read.
#[derive(Clone, Debug, Default)]
pub struct Global {
    /// `--json`.
    pub json: bool,
    /// The value of `--color`; `None` if it was not given.
    pub color: Option<String>,
    /// The values of `-C`. Each is relative to the one before it.
    pub directories: Vec<PathBuf>,
}

impl Global {
    /// Keeps a flag of every command.
    fn note(&mut self, flag: &Flag, value: &OsStr) {
        match flag.long {
            "json" => self.json = true,
            "color" => self.color = value.to_str().map(String::from),
            _ => {}
        }
    }

    /// The value of `--color`, or else its default.
    pub fn color(&self) -> &str {
        let default = || COLOR.absent.default().unwrap_or_default();
        self.color.as_deref().unwrap_or_else(default)
    }
}

/// Reads a command line, without the program's name. This has no other effect.
pub fn read(arguments: Vec<OsString>, commands: Commands, global: &mut Global) -> Result<Found> {
    let mut parser = Parser::from_args(arguments);
    let mut command: Option<&'static Command> = None;
    let mut flags = Vec::new();
    let mut operands = Vec::new();
    let mut help = false;
    let mut before_dashes = None;
    let mut typed = OsString::new();
    loop {
        // Within a word of several letters there are no raw words, and that word still counts.
        if let Some(next) = parser.try_raw_args().and_then(|rest| rest.peek().map(OsString::from)) {
            typed = next;
        }
        if typed == "--" {
            before_dashes.get_or_insert(operands.len());
        }
        let Some(argument) = parser.next().map_err(|error| unreadable(command, &error))? else {
            break;
        };
        let (flag, shown) = match argument {
            Arg::Value(word) => {
                command = Some(named_command(commands, command, word, &mut operands)?);
                continue;
            }
            Arg::Long("version") | Arg::Short('V') if command.is_none() => {
                return Ok(Found::Version);
            }
            // Behind a command it is a flag of that command: tail has one.
            Arg::Short('C') if command.is_none() => {
                global.directories.push(directory(&mut parser)?);
                continue;
            }
            other => named_flag(command, &other),
        };
        let Some(flag) = flag else { return Err(unknown_flag(command, &shown, &typed)) };
        let value = match flag.value {
            Some(_) => parser.value().map_err(|_| missing_value(command, flag, &shown))?,
            None => OsString::new(),
        };
        check_choice(flag, &value)?;
        help |= flag.long == "help";
        global.note(flag, &value);
        add_flag(&mut flags, flag, value)?;
    }
    match command {
        _ if help => Ok(Found::Help(command)),
        None => Ok(Found::Nothing),
        Some(command) => {
            let read = RefCell::default();
            let before_dashes = before_dashes.unwrap_or(operands.len());
            let words = Words { commands, command, flags, operands, before_dashes, read };
            words.check_operands()?;
            words.check_choices()?;
            words.check_flags()?;
            words.check_stdin()?;
            Ok(Found::Command(words))
        }
    }
}

/// The value of `-C`.
fn directory(parser: &mut Parser) -> Result<PathBuf> {
    let missing = || Error::usage("-C needs a value, DIR").hint("occtl help");
    let value = parser.value().map_err(|_| missing())?;
    if value.is_empty() {
        return Err(wrong_value("-C", "", "the directory to work in"));
    }
    Ok(value.into())
}

/// The command after one more word that is no flag: it names the command, or one of a family, or it
/// is an operand.
fn named_command(
    commands: Commands,
    command: Option<&'static Command>,
    word: OsString,
    operands: &mut Vec<OsString>,
) -> Result<&'static Command> {
    match command {
        None => find(commands, &word),
        Some(family) if members(commands, family).next().is_some() => {
            find_member(commands, family, &word)
        }
        Some(command) => {
            operands.push(word);
            Ok(command)
        }
    }
}

/// The flag that a word means, if there is one, and how it was typed.
fn named_flag(
    command: Option<&'static Command>,
    argument: &Arg,
) -> (Option<&'static Flag>, String) {
    match argument {
        Arg::Long(name) => {
            (flags_of(command).find(|flag| flag.is_called(name)), format!("--{name}"))
        }
        Arg::Short(letter) => {
            let found = flags_of(command).find(|flag| flag.short == Some(*letter));
            (found, format!("-{letter}"))
        }
        Arg::Value(word) => (None, word.display().to_string()),
    }
}

/// Adds a flag to those that were given. The last one counts, as in opencode-ctl 0.4.0: scripts put
/// their defaults before "$@".
fn add_flag(
    flags: &mut Vec<(&'static str, OsString)>,
    flag: &'static Flag,
    value: OsString,
) -> Result<()> {
    if !flag.many {
        flags.retain(|(long, _)| *long != flag.long);
    }
    if flag.value.is_none() || !value.is_empty() {
        flags.push((flag.long, value));
    } else if !flag.may_be_empty {
        return Err(empty_value(flag));
    }
    Ok(())
}

fn check_choice(flag: &Flag, value: &OsStr) -> Result<()> {
    if flag.choices.is_empty() || flag.choices.iter().any(|choice| value == *choice) {
        return Ok(());
    }
    let name = format!("--{}", flag.long);
    Err(wrong_choice(&name, &value.to_string_lossy(), flag.choices))
}

impl Words {
    fn check_operands(&self) -> Result<()> {
        let listed = self.command.operands;
        let name = self.command.name;
        let help = format!("occtl help {name}");
        let may_omit = self.command.may_omit_session();
        let mut required = listed.iter().filter(|operand| operand.required && !may_omit);
        if let Some(missing) = required.nth(self.operands.len()) {
            let missing = missing.name;
            let hint = if missing == "SESSION" {
                "occtl list shows them; . is the one of this directory".into()
            } else {
                help
            };
            return Err(Error::usage(format!("occtl {name} needs a {missing}")).hint(hint));
        }
        let unlimited = listed.last().is_some_and(|operand| operand.many);
        match self.operands.get(listed.len()) {
            Some(extra) if !unlimited => {
                let extra = brief(&extra.to_string_lossy());
                Err(Error::usage(format!("occtl {name} does not know what to do with {extra}"))
                    .hint(help))
            }
            _ => Ok(()),
        }
    }

    /// Checks the operands that accept only some words.
    fn check_choices(&self) -> Result<()> {
        for (word, operand) in self.operands.iter().zip(self.command.operands) {
            let fits = |choice: &&str| word == *choice;
            if !operand.choices.is_empty() && !operand.choices.iter().any(fits) {
                return Err(wrong_choice(operand.name, &word.to_string_lossy(), operand.choices));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::COMMANDS;
    use std::time::Duration;

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
            match read(words, COMMANDS, &mut Global::default()) {
                // `parse` has no effect, so that it can be called with any words.
                Ok(Found::Command(words)) => drop((words.command.parse)(&words)),
                Ok(_) => {}
                Err(error) => assert_eq!(error.code.exit(), 2, "{error}"),
            }
        });
    }

    fn parse(line: &str) -> Result<Found> {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        read(arguments, COMMANDS, &mut Global::default())
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
        assert!(error("delete").contains("needs a SESSION"));
        assert!(error("start --timeout").contains("needs a value, SECONDS"));
        assert!(error("list --color sometimes").contains("auto, always, never"));
        assert!(error("list --json=1").contains("json"));
        assert!(error("bench").contains("occtl bench needs a COMMAND (occtl help bench)"));
        assert!(error("bench int").contains("no command bench int (did you mean bench init?)"));
        assert!(error("bench xyzzy").contains("occtl help bench lists them"));
        assert!(error("bnech init").contains("did you mean bench?"));
        assert!(error("bench --dry-run init").contains("occtl bench has no flag --dry-run"));
        assert!(error("bench init a b").contains("occtl bench init does not know"));
    }

    #[test]
    fn global_flags_may_stand_before_and_behind_the_command() {
        for line in ["--json list", "list --json"] {
            let mut global = Global::default();
            let arguments = line.split(' ').map(OsString::from).collect();
            assert!(matches!(read(arguments, COMMANDS, &mut global), Ok(Found::Command(_))));
            assert!(global.json, "{line}");
        }
        assert!(matches!(parse("start --help --timeout 3"), Ok(Found::Help(Some(_)))));
        assert!(matches!(parse("-V"), Ok(Found::Version)));
        for line in ["bench --help", "bench -h init", "bench init --help"] {
            assert!(matches!(parse(line), Ok(Found::Help(Some(_)))), "{line}");
        }
        assert!(matches!(parse("--json bench --color never init"), Ok(Found::Command(_))));
        assert!(matches!(parse(""), Ok(Found::Nothing)));
    }
}
