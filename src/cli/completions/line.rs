//! How far a command line has been typed: what the next word can be.

use crate::cli::spec::{Command, Commands, Flag, flags_of, members};
use crate::cli::words;

/// The words before the one that is being typed.
pub struct Line {
    /// All commands.
    pub commands: Commands,
    /// The command, once it is named. That of a family until its second word.
    pub command: Option<&'static Command>,
    /// The flags, by their first long names, with their values.
    pub flags: Vec<(&'static str, String)>,
    /// The words that are neither.
    pub operands: Vec<String>,
    /// Whose value comes next.
    pub awaits: Awaits,
    /// Whether `--` was given: no flag comes after it.
    pub dashes: bool,
}

/// Whose value comes next.
pub enum Awaits {
    /// Nothing's.
    Nothing,
    /// That of `-C`.
    Directory,
    /// That of a flag.
    Value(&'static Flag),
}

impl Line {
    /// Reads the words; `None` if the table knows one of them not.
    pub fn read(commands: Commands, typed: &[String]) -> Option<Line> {
        let awaits = Awaits::Nothing;
        let (flags, operands) = (Vec::new(), Vec::new());
        let mut line = Line { commands, command: None, flags, operands, awaits, dashes: false };
        typed.iter().try_for_each(|word| line.take(word))?;
        Some(line)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        match std::mem::replace(&mut self.awaits, Awaits::Nothing) {
            Awaits::Value(flag) => self.flags.push((flag.long, word.into())),
            Awaits::Directory => {}
            Awaits::Nothing if self.dashes => self.operands.push(word.into()),
            Awaits::Nothing => return self.take_free(word),
        }
        Some(())
    }

    fn take_free(&mut self, word: &str) -> Option<()> {
        if word == "--" {
            self.dashes = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
            let flag = flags_of(self.command).find(|flag| flag.is_called(name))?;
            self.add(flag, value);
        } else if word.len() > 1 && word.starts_with('-') {
            self.take_letters(&word[1..])?;
        } else {
            self.take_word(word)?;
        }
        Some(())
    }

    fn add(&mut self, flag: &'static Flag, value: Option<&str>) {
        match value {
            None if flag.value.is_some() => self.awaits = Awaits::Value(flag),
            value => self.flags.push((flag.long, value.unwrap_or_default().into())),
        }
    }

    fn take_letters(&mut self, letters: &str) -> Option<()> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            let value = (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest));
            if letter == 'C' && self.command.is_none() {
                self.awaits = value.map_or(Awaits::Directory, |_| Awaits::Nothing);
                return Some(());
            }
            let flag = flags_of(self.command).find(|flag| flag.short == Some(letter))?;
            if flag.value.is_some() {
                self.add(flag, value);
                return Some(());
            }
            self.add(flag, None);
        }
        Some(())
    }

    /// Splits a word like `-soc`: the flag, the part up to its letter, and what is typed of its
    /// value. `None` if the letters name no value.
    pub fn letter_with_value<'a>(
        &self,
        word: &'a str,
    ) -> Option<(&'static Flag, &'a str, &'a str)> {
        let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
        for (at, letter) in letters.char_indices() {
            let flag = flags_of(self.command).find(|flag| flag.short == Some(letter))?;
            let (before, value) = word.split_at(1 + at + letter.len_utf8());
            if flag.value.is_some() {
                return Some((flag, before, value));
            }
        }
        None
    }

    fn take_word(&mut self, word: &str) -> Option<()> {
        match self.command {
            None => self.command = Some(words::find(self.commands, word.as_ref()).ok()?),
            Some(family) if members(self.commands, family).next().is_some() => {
                let found = words::find_member(self.commands, family, word.as_ref());
                self.command = Some(found.ok()?);
            }
            Some(_) => self.operands.push(word.into()),
        }
        Some(())
    }

    /// The last value of a flag.
    pub fn value(&self, long: &str) -> Option<&str> {
        let own = self.flags.iter().rev().find(|(name, _)| *name == long);
        own.map(|(_, value)| value.as_str())
    }

    /// Whether a flag was given that may be given only once.
    pub fn has_enough(&self, flag: &Flag) -> bool {
        !flag.many && self.flags.iter().any(|(name, _)| *name == flag.long)
    }
}
