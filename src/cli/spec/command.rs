//! What the table says of a command, and the words that a user gave it. Each knows the other: the
//! table holds the function that reads the words.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;

use super::flag::Flag;
use super::operand::Operand;
use super::shared::GLOBAL;
use crate::cli::App;
use crate::error::Result;
use crate::runner::Purpose;

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
    /// The word on the command line, or two words for a command of a family: `bench init`.
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
    /// A command that occtl starts itself, for which a user has no use: it has no help.
    pub const fn hidden(
        name: &'static str,
        operands: &'static [Operand],
        parse: fn(&Words) -> Result<Action>,
    ) -> Command {
        Command { name, summary: "", about: &[], operands, flags: &[], examples: &[], parse }
    }

    /// Whether only occtl itself uses it: it is accepted, but not shown in the help.
    pub fn is_hidden(&self) -> bool {
        self.summary.is_empty()
    }

    /// Whether its SESSION may be left out. Before other operands it is written as a dot.
    pub fn may_omit_session(&self) -> bool {
        matches!(self.operands, [only] if only.required && only.session.is_some())
    }

    /// What it does with the session that it takes where none is named.
    pub fn purpose(&self) -> Purpose {
        let given = self.operands.iter().find_map(|operand| operand.session);
        given.unwrap_or(Purpose::Act)
    }

    /// All flags of its own, in the order of the help.
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> + use<> {
        self.flags.iter().copied().flatten()
    }
}

/// Commands by group, in the order of the help, each group with its heading. A group without one
/// is not shown.
#[derive(Clone, Copy)]
pub struct Commands(pub &'static [(&'static str, &'static [&'static Command])]);

impl Commands {
    /// All of them, in the order of the help.
    pub fn iter(self) -> impl Iterator<Item = &'static &'static Command> {
        self.0.iter().flat_map(|(_, commands)| *commands)
    }
}

/// The commands that the first word of a line may name: families count once.
pub fn outermost(commands: Commands) -> impl Iterator<Item = &'static Command> {
    commands.iter().copied().filter(|command| !command.name.contains(' '))
}

/// The commands of the family that a command stands for, with their second words. There is none if
/// it is not a family.
pub fn members(
    commands: Commands,
    family: &'static Command,
) -> impl Iterator<Item = (&'static str, &'static Command)> {
    let second = |command: &'static Command| {
        let rest = command.name.strip_prefix(family.name)?.strip_prefix(' ')?;
        Some((rest, command))
    };
    commands.iter().copied().filter_map(second)
}

/// The flags that may stand on a command line, with or without a command.
pub fn flags_of(command: Option<&'static Command>) -> impl Iterator<Item = &'static Flag> {
    command.into_iter().flat_map(Command::all_flags).chain(&GLOBAL)
}

/// The flags and operands of one command, as they were given. Commands ask for them with the
/// methods of [`crate::cli::words`], which note what was asked for.
pub struct Words {
    /// All commands.
    pub commands: Commands,
    /// The command that was given.
    pub command: &'static Command,
    /// The names of flags, with their values.
    pub(in crate::cli) flags: Vec<(&'static str, OsString)>,
    /// The words that are not flags.
    pub(in crate::cli) operands: Vec<OsString>,
    /// How many of those stood before `--`: a dash behind it is a dash.
    pub(in crate::cli) before_dashes: usize,
    /// The flags that the command asked for, with the values it got. Tests compare them with the
    /// table: a flag that its command never asks for would do nothing.
    pub(in crate::cli) read: RefCell<BTreeMap<&'static str, Vec<OsString>>>,
}

impl Words {
    /// The words of a command that is given no flags.
    #[cfg(test)]
    pub fn given(command: &'static Command, operands: Vec<OsString>) -> Words {
        let commands = crate::cli::commands::COMMANDS;
        let before_dashes = operands.len();
        let (flags, read) = (Vec::new(), RefCell::default());
        Words { commands, command, flags, operands, before_dashes, read }
    }
}
