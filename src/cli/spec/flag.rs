//! What the table says of a flag.

use super::value::{Absent, Kind};

/// A flag.
#[derive(Clone, Copy)]
pub struct Flag {
    /// Its long name, without the dashes.
    pub long: &'static str,
    /// Another long name, for the same.
    pub alias: Option<&'static str>,
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
    /// Whether this is one of its long names.
    pub fn is_called(&self, name: &str) -> bool {
        self.long == name || self.alias == Some(name)
    }

    /// All its long names.
    pub fn longs(&self) -> impl Iterator<Item = &'static str> + use<> {
        [Some(self.long), self.alias].into_iter().flatten()
    }

    /// What its value is; nothing for a switch.
    pub fn kind(&self) -> Option<Kind> {
        let kind = |name| match name {
            // As an operand it is a prompt, as the value of a flag the id of a message.
            "MESSAGE" => Kind::Turn,
            name => Kind::named(name),
        };
        self.value.map(kind)
    }

    /// A flag that takes no value.
    pub const fn switch(long: &'static str, short: Option<char>, help: &'static str) -> Flag {
        Flag {
            long,
            alias: None,
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

    /// The same with another long name.
    pub const fn alias(mut self, alias: &'static str) -> Flag {
        self.alias = Some(alias);
        self
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
