//! What the table says of a word that is not a flag.

use super::value::{Absent, Kind};
use crate::runner::Purpose;

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
    /// The words that it accepts; empty if it accepts any.
    pub choices: &'static [&'static str],
    /// Whether `-` means stdin.
    pub may_be_stdin: bool,
    /// What the command does with the session that it means; `None` if it means no session.
    pub session: Option<Purpose>,
}

impl Operand {
    /// What it is.
    pub fn kind(&self) -> Kind {
        Kind::named(self.name)
    }

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
            choices: &[],
            may_be_stdin: false,
            session: None,
        }
    }

    /// The same, but it means a session, with which the command does this.
    pub const fn session(mut self, purpose: Purpose) -> Operand {
        self.session = Some(purpose);
        self
    }

    /// The same, but it accepts only these words.
    pub const fn choices(mut self, choices: &'static [&'static str]) -> Operand {
        self.choices = choices;
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
