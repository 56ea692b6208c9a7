//! What the command line can say. Parsing, `--help` and `docs/cli.md` all come from these tables, so
//! that a flag which is not here is not accepted, and one that is here is documented.

use super::App;
use super::words::Words;
use crate::error::Result;

/// The status of a command that was understood and carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Status 0.
    pub const OK: Exit = Exit(0);
}

/// A command that has been understood. Reading the words has no effects; running this has.
pub type Action = Box<dyn FnOnce(&mut App) -> Result<Exit>>;

/// One command.
pub struct Command {
    /// The word on the command line.
    pub name: &'static str,
    /// One line for the list of commands, without a full stop; empty for what is not listed.
    pub summary: &'static str,
    /// What else there is to know; one line each.
    pub about: &'static [&'static str],
    /// What follows the command's name.
    pub operands: &'static [Operand],
    /// What may stand anywhere behind it.
    pub flags: &'static [Flag],
    /// Command lines that work, and what they do.
    pub examples: &'static [(&'static str, &'static str)],
    /// Turns words into an action; reads every flag of the table.
    pub parse: fn(&Words) -> Result<Action>,
}

impl Command {
    /// Whether it is for the program's own use: accepted, and not shown.
    pub fn hidden(&self) -> bool {
        self.summary.is_empty()
    }
}

/// The commands that people use, in the order of the help.
pub fn shown() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().copied().filter(|command| !command.hidden())
}

/// A word that is not a flag.
pub struct Operand {
    /// As it is shown, in capitals.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Whether the command works without it.
    pub required: bool,
    /// Whether there may be several.
    pub many: bool,
}

/// A flag.
#[derive(Clone, Copy)]
pub struct Flag {
    /// Without the dashes.
    pub long: &'static str,
    /// Without the dash.
    pub short: Option<char>,
    /// The name of its value as it is shown; `None` for a switch.
    pub value: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
    /// What holds without it, where that is worth saying.
    pub default: Option<&'static str>,
    /// The only values that it takes; empty for any.
    pub choices: &'static [&'static str],
    /// Whether it may be given more than once.
    pub many: bool,
}

impl Flag {
    /// A flag without a value.
    pub const fn switch(long: &'static str, short: Option<char>, help: &'static str) -> Flag {
        Flag { long, short, value: None, help, default: None, choices: &[], many: false }
    }

    /// A flag with a value.
    pub const fn value(
        long: &'static str,
        short: Option<char>,
        value: &'static str,
        help: &'static str,
    ) -> Flag {
        Flag { long, short, value: Some(value), help, default: None, choices: &[], many: false }
    }

    /// The same with what holds without it.
    pub const fn default(mut self, default: &'static str) -> Flag {
        self.default = Some(default);
        self
    }

    /// The same, any number of times.
    pub const fn repeated(mut self) -> Flag {
        self.many = true;
        self
    }

    /// The same with the only values that it takes.
    pub const fn choices(mut self, choices: &'static [&'static str]) -> Flag {
        self.choices = choices;
        self
    }
}

impl Operand {
    /// One that must be there.
    pub const fn required(name: &'static str, help: &'static str) -> Operand {
        Operand { name, help, required: true, many: false }
    }

    /// One that may be missing.
    pub const fn optional(name: &'static str, help: &'static str) -> Operand {
        Operand { name, help, required: false, many: false }
    }

    /// The same, any number of times.
    pub const fn many(mut self) -> Operand {
        self.many = true;
        self
    }
}

/// Flags that every command takes, before or behind its name.
pub const GLOBAL: [Flag; 3] = [
    Flag::switch("json", None, "Print one JSON document; errors are JSON on stderr"),
    Flag::value("color", None, "WHEN", "Colours")
        .default("auto")
        .choices(&["auto", "always", "never"]),
    Flag::switch("help", Some('h'), "Show help"),
];

/// The operand that names a session.
pub const SESSION: Operand =
    Operand::required("SESSION", "Id, unique beginning of an id, or name of a session");

/// The conversation that a command is about.
pub const CONVERSATION: Flag =
    Flag::value("session", Some('s'), "CONVERSATION", "The conversation")
        .default("the newest root one");

/// Only ids on stdout.
pub const QUIET: Flag = Flag::switch("quiet", Some('q'), "Print only ids, one a line");

/// All commands, in the order of the help.
pub const COMMANDS: &[&Command] = &[
    &super::commands::start::COMMAND,
    &super::commands::adopt::COMMAND,
    &super::commands::list::COMMAND,
    &super::commands::status::COMMAND,
    &super::commands::stop::COMMAND,
    &super::commands::cleanup::COMMAND,
    &super::commands::touch::COMMAND,
    &super::commands::attach::COMMAND,
    &super::commands::send::COMMAND,
    &super::commands::run::COMMAND,
    &super::commands::wait::COMMAND,
    &super::commands::abort::COMMAND,
    &super::commands::permissions::COMMAND,
    &super::commands::approve::COMMAND,
    &super::commands::reject::COMMAND,
    &super::commands::questions::COMMAND,
    &super::commands::answer::COMMAND,
    &super::commands::test_permission::COMMAND,
    &super::commands::tail::COMMAND,
    &super::commands::sessions::COMMAND,
    &super::commands::chain::COMMAND,
    &super::commands::fork::COMMAND,
    &super::commands::delete::COMMAND,
    &super::commands::export::COMMAND,
    &super::commands::diff::COMMAND,
    &super::commands::todo::COMMAND,
    &super::commands::usage::COMMAND,
    &super::commands::doctor::COMMAND,
    &super::commands::config::COMMAND,
    &super::commands::models::COMMAND,
    &super::commands::agents::COMMAND,
    &super::commands::events::COMMAND,
    &super::commands::logs::COMMAND,
    &super::commands::help::COMMAND,
    &super::commands::version::COMMAND,
    &super::commands::guard::COMMAND,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_flag_of_the_table_is_read_by_its_command() {
        for command in COMMANDS.iter().copied() {
            let operands = command.operands.iter().map(|operand| operand.name.into()).collect();
            let words = Words::given(command, operands);
            let _ = (command.parse)(&words);
            let listed: BTreeSet<&str> = command.flags.iter().map(|flag| flag.long).collect();
            assert_eq!(words.flags_read(), listed, "of occtl {}", command.name);
        }
    }

    /// The words behind each `occtl` of a line of shell, as far as they are plain or in quotes.
    fn command_lines(line: &str) -> Vec<Vec<std::ffi::OsString>> {
        let mut found = Vec::new();
        if let Some((before, rest)) = line.rsplit_once("$(")
            && let Some((inner, after)) = rest.split_once(')')
        {
            found = command_lines(inner);
            found.extend(command_lines(&format!("{before}X{after}")));
            return found;
        }
        for rest in line.split("occtl ").skip(1) {
            let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
            for c in rest.chars().chain([' ']) {
                match c {
                    c if quote == Some(c) => quote = None,
                    c if quote.is_some() => word.push(c),
                    '\'' | '"' => quote = Some(c),
                    ' ' if !word.is_empty() => words.push(std::mem::take(&mut word).into()),
                    ' ' => {}
                    '|' | '>' | '<' | ')' | ';' | '`' | '&' => break,
                    c => word.push(c),
                }
            }
            words.extend((!word.is_empty()).then(|| word.into()));
            found.push(words);
        }
        found
    }

    #[test]
    fn every_example_of_the_help_and_of_the_documents_is_accepted() {
        use super::super::words::{Found, read};
        let examples = COMMANDS.iter().flat_map(|command| command.examples);
        let mut lines: Vec<&str> = examples.map(|(line, _)| *line).collect();
        for text in [include_str!("../../README.md"), include_str!("../../docs/recipes.md")] {
            let mut fenced = false;
            for line in text.lines().filter(|line| !line.contains("occtl: ")) {
                fenced ^= line.starts_with("```");
                lines.extend((fenced || line.starts_with("    ")).then_some(line));
            }
        }
        let plain = |line: &str| command_lines(&line.replace("${LIMIT:-1200}", "1200"));
        let lines: Vec<_> = lines.into_iter().flat_map(plain).collect();
        for words in &lines {
            let accepted = match read(words.clone(), &mut Default::default()) {
                Ok(Found::Command(words)) => (words.command().parse)(&words).map(drop),
                other => other.map(drop),
            };
            assert!(accepted.is_ok(), "{words:?}: {accepted:?}");
        }
        assert!(lines.len() > 50, "only {} examples were found", lines.len());
    }

    #[test]
    fn no_command_uses_a_letter_or_a_name_twice() {
        for command in COMMANDS.iter().copied() {
            let (mut longs, mut shorts) = (BTreeSet::new(), BTreeSet::new());
            let own_json = command.flags.iter().any(|flag| flag.long == "json");
            let global = GLOBAL.iter().filter(|flag| !(own_json && flag.long == "json"));
            for flag in command.flags.iter().chain(global) {
                assert!(longs.insert(flag.long), "--{} of {}", flag.long, command.name);
                let letter = flag.short.is_none_or(|short| shorts.insert(short));
                assert!(letter, "-{:?} of {}", flag.short, command.name);
            }
        }
    }
}
