//! What the next word of a command line can be: from the table, and by asking occtl itself.

mod bash;
mod candidate;
mod line;
#[cfg(test)]
mod tests;
mod values;

use super::help::TOPICS;
use super::spec::{Command, Commands, Flag, Kind, flags_of, members, outermost};
pub use bash::Typed;
pub use candidate::Candidate;
use line::{Awaits, Line};
pub use values::Asked;

/// The shells that there are scripts for.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// The script for one of [`SHELLS`].
pub fn script(shell: &str) -> &'static str {
    match shell {
        "bash" => include_str!("scripts/occtl.bash"),
        "zsh" => include_str!("scripts/occtl.zsh"),
        _ => include_str!("scripts/occtl.fish"),
    }
}

/// What else the shell offers, of which it knows more than we do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Also {
    /// Nothing.
    #[default]
    Nothing,
    /// Paths of files.
    Files,
    /// Paths of directories.
    Directories,
}

impl Also {
    /// The word for the scripts.
    pub fn name(self) -> &'static str {
        match self {
            Also::Nothing => "nothing",
            Also::Files => "files",
            Also::Directories => "directories",
        }
    }
}

/// All that can come next.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// What the shell adds.
    pub also: Also,
    /// Our words.
    pub candidates: Vec<Candidate>,
}

/// What can come after `typed`, and begins like `current`. `ask` gives values that only occtl
/// knows, by what is known of the line.
pub fn next(
    commands: Commands,
    typed: &[String],
    current: &str,
    ask: &dyn Fn(&Asked) -> Vec<Candidate>,
) -> Next {
    let Some(line) = Line::read(commands, typed) else { return Next::default() };
    let mut next = unfiltered(&line, current, ask);
    let fits =
        |one: &Candidate| one.word.starts_with(current) && !one.word.contains(char::is_control);
    next.candidates.retain(fits);
    next
}

fn unfiltered(line: &Line, current: &str, ask: &dyn Fn(&Asked) -> Vec<Candidate>) -> Next {
    match line.awaits {
        Awaits::Directory => return only(Also::Directories),
        Awaits::Value(flag) => return of_flag(line, flag, current, ask),
        Awaits::Nothing => {}
    }
    if line.dashes || !current.starts_with('-') {
        return of_operand(line, current, ask);
    }
    if let Some((flag, letters, value)) = line.letter_with_value(current) {
        let mut next = of_flag(line, flag, value, ask);
        for one in &mut next.candidates {
            one.word.insert_str(0, letters);
        }
        return next;
    }
    let named = current.strip_prefix("--").and_then(|rest| rest.split_once('='));
    let Some((name, value)) = named else { return flags(line) };
    let Some(flag) = flags_of(line.command).find(|flag| flag.is_called(name)) else {
        return Next::default();
    };
    let mut next = of_flag(line, flag, value, ask);
    for one in &mut next.candidates {
        one.word.insert_str(0, &format!("--{name}="));
    }
    next
}

fn only(also: Also) -> Next {
    Next { also, candidates: Vec::new() }
}

fn listed(candidates: impl Iterator<Item = Candidate>) -> Next {
    Next { also: Also::Nothing, candidates: candidates.collect() }
}

fn of_choices(choices: &[&str]) -> Next {
    listed(choices.iter().map(|choice| Candidate::new(*choice, "")))
}

fn flags(line: &Line) -> Next {
    let own = flags_of(line.command).filter(|flag| !line.has_enough(flag));
    let named = |flag: &'static Flag| {
        flag.longs().map(|long| Candidate::new(format!("--{long}"), first_words(flag.help)))
    };
    listed(own.flat_map(named))
}

/// What a shell has room for beside a word.
fn first_words(help: &str) -> String {
    let end = help.find([';', ':']).unwrap_or(help.len());
    help[..end].into()
}

fn of_flag(
    line: &Line,
    flag: &Flag,
    current: &str,
    ask: &dyn Fn(&Asked) -> Vec<Candidate>,
) -> Next {
    if !flag.choices.is_empty() {
        return of_choices(flag.choices);
    }
    of_kind(line, flag.kind().unwrap_or(Kind::Text), current, ask)
}

fn of_operand(line: &Line, current: &str, ask: &dyn Fn(&Asked) -> Vec<Candidate>) -> Next {
    let Some(command) = line.command else { return named(outermost(line.commands)) };
    let mut family = members(line.commands, command).peekable();
    if family.peek().is_some() {
        return second_words(family);
    }
    if ["help", "man"].contains(&command.name) {
        return explained(line, command);
    }
    let last = command.operands.last().filter(|operand| operand.many);
    let operand = command.operands.get(line.operands.len()).or(last);
    let choices = operand.map_or(&[][..], |operand| operand.choices);
    if !choices.is_empty() {
        return of_choices(choices);
    }
    let kind = operand.map_or(Kind::Text, |operand| operand.kind());
    of_kind(line, kind, current, ask)
}

fn named(commands: impl Iterator<Item = &'static Command>) -> Next {
    let shown = commands.filter(|command| !command.is_hidden());
    listed(shown.map(|command| Candidate::new(command.name, command.summary)))
}

fn second_words(family: impl Iterator<Item = (&'static str, &'static Command)>) -> Next {
    let shown = family.filter(|(_, command)| !command.is_hidden());
    listed(shown.map(|(second, command)| Candidate::new(second, command.summary)))
}

/// What `help` and `man` explain: commands, and `help` topics as well.
fn explained(line: &Line, command: &Command) -> Next {
    let first = line.operands.first();
    let family = first.and_then(|name| outermost(line.commands).find(|one| one.name == name));
    match (first, family) {
        (None, _) => {
            let mut next = named(outermost(line.commands));
            let topics = TOPICS.iter().filter(|_| command.name == "help");
            next.candidates.extend(topics.map(|it| Candidate::new(it.name, it.summary)));
            next
        }
        (Some(_), Some(family)) => second_words(members(line.commands, family)),
        (Some(_), None) => Next::default(),
    }
}

fn of_kind(line: &Line, kind: Kind, current: &str, ask: &dyn Fn(&Asked) -> Vec<Candidate>) -> Next {
    match kind {
        Kind::Text => Next::default(),
        Kind::File => only(Also::Files),
        Kind::Directory => only(Also::Directories),
        Kind::Results if !current.contains(':') => only(Also::Directories),
        kind => listed(ask(&Asked::of(line, kind, current)).into_iter()),
    }
}
