//! The tables of commands and flags. The parser, `--help` and `docs/cli.md` all read them, so every
//! flag that is accepted is documented, and the other way round.

use super::app::App;
use super::words::Words;
use crate::error::Result;

/// The exit status of a command that did not fail with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Status 0.
    pub const OK: Exit = Exit(0);
}

/// A command that is ready to run. Nothing has happened before it is called.
pub type Action = Box<dyn FnOnce(&mut App) -> Result<Exit>>;

/// One command.
pub struct Command {
    /// The word on the command line.
    pub name: &'static str,
    /// One line for the list of commands, without a full stop; empty for a hidden command.
    pub summary: &'static str,
    /// Paragraphs for its help.
    pub about: &'static [&'static str],
    /// The words after the command's name that are not flags.
    pub operands: &'static [Operand],
    /// Its flags, as lists that commands may share. They may stand anywhere after its name.
    pub flags: &'static [&'static [Flag]],
    /// Command lines, and what each of them is good for.
    pub examples: &'static [(&'static str, &'static str)],
    /// Turns words into an action, without any effect. It must ask for every flag of the table.
    pub parse: fn(&Words) -> Result<Action>,
}

impl Command {
    /// Whether only occtl itself uses it: it is accepted, but not shown in the help.
    pub fn is_hidden(&self) -> bool {
        self.summary.is_empty()
    }

    /// All flags of its own, in the order of the help.
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> + use<> {
        self.flags.iter().copied().flatten()
    }
}

/// The commands that users see, in the order of the help.
pub fn shown() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().copied().filter(|command| !command.is_hidden())
}

/// What holds if a flag or an operand is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Nothing that the help needs to say.
    Nothing,
    /// The same as with this value. Both the help and the parser take it from here.
    Default(&'static str),
    /// Something that cannot be given as a value, in words for the help.
    Means(&'static str),
}

impl Absent {
    /// What the help shows in brackets.
    pub fn shown(self) -> Option<&'static str> {
        match self {
            Absent::Nothing => None,
            Absent::Default(text) | Absent::Means(text) => Some(text),
        }
    }

    /// The value that the parser uses.
    pub fn default(self) -> Option<&'static str> {
        match self {
            Absent::Default(value) => Some(value),
            Absent::Nothing | Absent::Means(_) => None,
        }
    }
}

/// A word that is not a flag.
pub struct Operand {
    /// Its name in the help, in capitals.
    pub name: &'static str,
    /// What it is, for the help.
    pub help: &'static str,
    /// Whether the command works without it.
    pub required: bool,
    /// Whether there may be several.
    pub many: bool,
    /// What holds if it is not given.
    pub absent: Absent,
}

/// A flag.
#[derive(Clone, Copy)]
pub struct Flag {
    /// Its long name, without the dashes.
    pub long: &'static str,
    /// Its letter, if it has one.
    pub short: Option<char>,
    /// The name of its value in the help; `None` for a switch.
    pub value: Option<&'static str>,
    /// What it does, for the help.
    pub help: &'static str,
    /// What holds if it is not given.
    pub absent: Absent,
    /// The values that it accepts; empty if it accepts any.
    pub choices: &'static [&'static str],
    /// Whether it may be given more than once.
    pub many: bool,
}

impl Flag {
    /// A flag that takes no value.
    pub const fn switch(long: &'static str, short: Option<char>, help: &'static str) -> Flag {
        Flag { long, short, value: None, help, absent: Absent::Nothing, choices: &[], many: false }
    }

    /// A flag that takes a value.
    pub const fn value(
        long: &'static str,
        short: Option<char>,
        value: &'static str,
        help: &'static str,
    ) -> Flag {
        Flag {
            long,
            short,
            value: Some(value),
            help,
            absent: Absent::Nothing,
            choices: &[],
            many: false,
        }
    }

    /// The same with a value that is used if none is given.
    pub const fn default(mut self, value: &'static str) -> Flag {
        self.absent = Absent::Default(value);
        self
    }

    /// The same with words for what holds if it is not given.
    pub const fn absent(mut self, words: &'static str) -> Flag {
        self.absent = Absent::Means(words);
        self
    }

    /// The same, but it may be given any number of times.
    pub const fn repeated(mut self) -> Flag {
        self.many = true;
        self
    }

    /// The same, but it accepts only these values.
    pub const fn choices(mut self, choices: &'static [&'static str]) -> Flag {
        self.choices = choices;
        self
    }
}

impl Operand {
    /// An operand that must be given.
    pub const fn required(name: &'static str, help: &'static str) -> Operand {
        Operand { name, help, required: true, many: false, absent: Absent::Nothing }
    }

    /// An operand that may be left out.
    pub const fn optional(name: &'static str, help: &'static str) -> Operand {
        Operand { name, help, required: false, many: false, absent: Absent::Nothing }
    }

    /// The same with a value that is used if none is given.
    pub const fn default(mut self, value: &'static str) -> Operand {
        self.absent = Absent::Default(value);
        self
    }

    /// The same with words for what holds if it is not given.
    pub const fn absent(mut self, words: &'static str) -> Operand {
        self.absent = Absent::Means(words);
        self
    }

    /// The same, but there may be any number of them.
    pub const fn many(mut self) -> Operand {
        self.many = true;
        self
    }
}

/// The flags of every command. They may stand before or after its name.
pub const GLOBAL: [Flag; 3] = [
    Flag::switch(
        "json",
        None,
        "Print the result as JSON on stdout, and an error as JSON on stderr",
    ),
    COLOR,
    Flag::switch("help", Some('h'), "Show this help"),
];

/// Whether results are coloured.
pub const COLOR: Flag = Flag::value("color", None, "WHEN", "When to use colours")
    .default("auto")
    .choices(&["auto", "always", "never"]);

/// The operand that names a session.
pub const SESSION: Operand =
    Operand::required("SESSION", "Id, unique prefix of an id, or name of a session");

/// The conversation that a command works on.
pub const CONVERSATION: Flag =
    Flag::value("session", Some('s'), "CONVERSATION", "The conversation (ses_…)")
        .absent("the newest that is not a sub-agent's");

/// Prints ids and nothing else.
pub const QUIET: Flag = Flag::switch("quiet", Some('q'), "Print only ids, one per line");

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
            let read: BTreeSet<&str> = words.flags_read().into_keys().collect();
            let listed: BTreeSet<&str> = command.all_flags().map(|flag| flag.long).collect();
            assert_eq!(read, listed, "of occtl {}", command.name);
        }
    }

    #[test]
    fn a_command_gets_the_default_that_the_help_shows_for_each_flag_that_has_one() {
        let mut count = 0;
        for command in COMMANDS.iter().copied() {
            let operands = command.operands.iter().map(|operand| operand.name.into()).collect();
            let words = Words::given(command, operands);
            let _ = (command.parse)(&words);
            let read = words.flags_read();
            let help = super::super::help::command(command);
            let (_, rows) = help.split_once("\nFlags:\n").unwrap();
            for flag in command.all_flags() {
                let Some(default) = flag.absent.default() else { continue };
                let name = command.name;
                let long = flag.long;
                assert_eq!(read[long], [default], "--{long} of occtl {name}");
                // A row has the flag's names, then two blanks, then what it does.
                let names = |row: &str| row.trim_start().split("  ").next().map(str::to_owned);
                let has_flag = |names: String| names.contains(&format!("--{long} "));
                let row = rows.lines().find(|row| names(row).is_some_and(has_flag));
                let shown = row.is_some_and(|row| row.ends_with(&format!(" [{default}]")));
                assert!(shown, "--{long} of occtl {name}: {row:?}");
                count += 1;
            }
        }
        assert!(count > 10, "only {count} flags have a default");
    }

    /// The words after each `occtl` in a line of shell. Only plain and quoted words are understood.
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
            let mut words = Vec::new();
            let mut word = String::new();
            let mut quote = None;
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
            let mut longs = BTreeSet::new();
            let mut shorts = BTreeSet::new();
            let own_json = command.all_flags().any(|flag| flag.long == "json");
            let global = GLOBAL.iter().filter(|flag| !(own_json && flag.long == "json"));
            for flag in command.all_flags().chain(global) {
                assert!(longs.insert(flag.long), "--{} of {}", flag.long, command.name);
                let letter = flag.short.is_none_or(|short| shorts.insert(short));
                assert!(letter, "-{:?} of {}", flag.short, command.name);
            }
        }
    }
}
