//! What the tables of commands and flags are made of. The parser, `--help` and `docs/cli.md` all
//! read them, so every flag that is accepted is documented, and the other way round.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;

use super::app::App;
use crate::error::Result;
use crate::runner::{DEFAULT_SESSION, Purpose};

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

/// Commands, in the order of the help.
pub type Commands = &'static [&'static Command];

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
/// methods of [`super::words`], which note what was asked for.
pub struct Words {
    /// All commands.
    pub commands: Commands,
    /// The command that was given.
    pub command: &'static Command,
    /// The names of flags, with their values.
    pub(super) flags: Vec<(&'static str, OsString)>,
    /// The words that are not flags.
    pub(super) operands: Vec<OsString>,
    /// How many of those stood before `--`: a dash behind it is a dash.
    pub(super) before_dashes: usize,
    /// The flags that the command asked for, with the values it got. Tests compare them with the
    /// table: a flag that its command never asks for would do nothing.
    pub(super) read: RefCell<BTreeMap<&'static str, Vec<OsString>>>,
}

impl Words {
    /// The words of a command that is given no flags.
    #[cfg(test)]
    pub fn given(command: &'static Command, operands: Vec<OsString>) -> Words {
        let commands = super::commands::COMMANDS;
        let before_dashes = operands.len();
        let (flags, read) = (Vec::new(), RefCell::default());
        Words { commands, command, flags, operands, before_dashes, read }
    }
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
    /// Whether `-` means stdin.
    pub may_be_stdin: bool,
    /// What the command does with the session that it means; `None` if it means no session.
    pub session: Option<Purpose>,
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
    /// Whether the value `-` means stdin.
    pub may_be_stdin: bool,
    /// Whether an empty value counts as none, as in opencode-ctl 0.4.0. Others refuse it.
    pub may_be_empty: bool,
    /// The flags of the same command without which it would do nothing: one of them must be given.
    pub needs: &'static [&'static str],
    /// Another command line that it is for, for the error message; may be empty.
    pub elsewhere: &'static str,
    /// The flags of the same command that it cannot be used with, and why.
    pub excludes: (&'static [&'static str], &'static str),
}

impl Flag {
    /// A flag that takes no value.
    pub const fn switch(long: &'static str, short: Option<char>, help: &'static str) -> Flag {
        Flag {
            long,
            short,
            value: None,
            help,
            absent: Absent::Nothing,
            choices: &[],
            many: false,
            may_be_stdin: false,
            may_be_empty: false,
            needs: &[],
            elsewhere: "",
            excludes: (&[], ""),
        }
    }

    /// A flag that takes a value.
    pub const fn value(
        long: &'static str,
        short: Option<char>,
        value: &'static str,
        help: &'static str,
    ) -> Flag {
        let mut flag = Flag::switch(long, short, help);
        flag.value = Some(value);
        flag
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

    /// The same, but `-` means stdin.
    pub const fn may_be_stdin(mut self) -> Flag {
        self.may_be_stdin = true;
        self
    }

    /// The same, but an empty value counts as none.
    pub const fn may_be_empty(mut self) -> Flag {
        self.may_be_empty = true;
        self
    }

    /// The same, but it is refused unless one of these flags is given.
    pub const fn needs(mut self, flags: &'static [&'static str]) -> Flag {
        self.needs = flags;
        self
    }

    /// The same, and an error about a flag that it needs also names this command line.
    pub const fn or(mut self, elsewhere: &'static str) -> Flag {
        self.elsewhere = elsewhere;
        self
    }

    /// The same, but it is refused beside any of these flags. `why` explains that.
    pub const fn excludes(mut self, flags: &'static [&'static str], why: &'static str) -> Flag {
        self.excludes = (flags, why);
        self
    }
}

/// The same flags, each of which is refused unless one of the flags of `needs` is given.
/// `elsewhere` is another command line that they are for; it may be empty.
pub const fn all_need<const N: usize>(
    mut flags: [Flag; N],
    needs: &'static [&'static str],
    elsewhere: &'static str,
) -> [Flag; N] {
    let mut at = 0;
    while at < N {
        flags[at] = flags[at].needs(needs).or(elsewhere);
        at += 1;
    }
    flags
}

impl Operand {
    /// An operand that must be given.
    pub const fn required(name: &'static str, help: &'static str) -> Operand {
        Operand { name, help, required: true, ..Operand::optional(name, help) }
    }

    /// An operand that may be left out.
    pub const fn optional(name: &'static str, help: &'static str) -> Operand {
        Operand {
            name,
            help,
            required: false,
            many: false,
            absent: Absent::Nothing,
            may_be_stdin: false,
            session: None,
        }
    }

    /// The same, but it means a session, with which the command does this.
    pub const fn session(mut self, purpose: Purpose) -> Operand {
        self.session = Some(purpose);
        self
    }

    /// The same, but `-` means stdin.
    pub const fn may_be_stdin(mut self) -> Operand {
        self.may_be_stdin = true;
        self
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

/// The operand that names a session which the command only reads.
pub const SESSION_TO_READ: Operand = session(Purpose::Read);

/// The operand that names a session in which the command changes or uses something.
pub const SESSION_TO_USE: Operand = session(Purpose::Act);

const fn session(purpose: Purpose) -> Operand {
    let help = "Id, unique prefix of an id, or name of a session; . is the one of this directory";
    Operand::required("SESSION", help).default(DEFAULT_SESSION).session(purpose)
}

/// How a conversation is named.
const CONVERSATION_HELP: &str = "The conversation: its id (ses_…), the beginning of one, or latest";

/// The conversation that a command works on.
pub const CONVERSATION: Flag = Flag::value("session", Some('s'), "CONVERSATION", CONVERSATION_HELP)
    .absent("the newest that is not a sub-agent's");

/// How long a command that reads may take. Without it only a silent server ends the command.
pub const WITHIN: Flag =
    Flag::value("timeout", Some('t'), "SECONDS", "How long the whole command may take")
        .absent("as long as the server sends something, for up to 300 s");

/// Prints ids and nothing else.
pub const QUIET: Flag = Flag::switch("quiet", Some('q'), "Print only ids, one per line");
