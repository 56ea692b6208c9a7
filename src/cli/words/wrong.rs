//! Errors about words that are not in the tables. They suggest the nearest word that is.

use std::ffi::OsStr;

use crate::cli::spec::{Command, Commands, Flag, flags_of, members, outermost};
use crate::error::{Error, Result};
use crate::runner::nearest::{instead, nearest};

/// Other names of commands, which may be used.
const SYNONYMS: [(&str, &str); 2] = [("ls", "list"), ("ps", "list")];

/// What other programs call what occtl calls otherwise, and what to type instead.
const MEANT: &[(&[&str], &str)] = &[
    (&["up", "serve", "launch"], "start"),
    (&["create"], "start, which makes a session, or new, which opens a conversation"),
    (&["down", "kill", "quit", "exit", "shutdown"], "stop"),
    (
        &["rm", "remove", "del"],
        "stop, which ends a session, or delete, which removes a conversation",
    ),
    (&["ask", "chat", "prompt", "exec", "say"], "send"),
    (&["get", "show", "inspect", "info", "state"], "status"),
    (&["cancel", "interrupt"], "abort"),
    (&["conversations", "chats", "threads"], "sessions"),
    (&["cat", "messages", "history", "read"], "tail"),
    (&["cost", "costs", "tokens", "stats"], "usage"),
    (&["deny", "refuse"], "reject"),
    (&["allow", "grant", "respond"], "approve"),
    (&["continue", "resume"], "send SESSION --continue"),
    (&["stream"], "send SESSION --stream, or tail SESSION --follow"),
    (&["tui", "open"], "attach"),
    (&["gc", "prune"], "cleanup"),
    (&["copy", "clone", "branch"], "fork"),
    (&["dump", "save", "download"], "export"),
    (&["worktree"], "start --worktree"),
    (&["watch"], "list --watch, tail SESSION --follow or wait"),
    (&["log", "journal"], "logs"),
    (&["eval", "evaluate", "compare"], "bench"),
];

/// The command of that name. Otherwise an error that suggests one: by what other programs call it,
/// or by the letters.
pub fn find(commands: Commands, word: &OsStr) -> Result<&'static Command> {
    let word = word.to_string_lossy();
    let synonym = SYNONYMS.iter().find(|(synonym, _)| *synonym == word);
    let name = synonym.map_or(&*word, |(_, name)| *name);
    outermost(commands).find(|command| command.name == name).ok_or_else(|| {
        let shown = outermost(commands).filter(|command| !command.is_hidden());
        let names = shown.map(|command| command.name);
        let error = Error::usage(format!("there is no command {}", brief(&word)));
        let meant = MEANT.iter().find(|(words, _)| words.contains(&&*word));
        match meant.map(|(_, meant)| *meant).or_else(|| nearest(&word, names)) {
            Some(name) => error.hint(format!("did you mean {name}?")),
            None => error.hint("occtl help lists them"),
        }
    })
}

/// The command of a family that its second word names. Otherwise an error that suggests one.
pub fn find_member(
    commands: Commands,
    family: &'static Command,
    word: &OsStr,
) -> Result<&'static Command> {
    let word = word.to_string_lossy();
    let found = members(commands, family).find(|(name, _)| *name == word);
    found.map(|(_, command)| command).ok_or_else(|| {
        let shown = members(commands, family).filter(|(_, command)| !command.is_hidden());
        let family = family.name;
        let error = Error::usage(format!("there is no command {family} {}", brief(&word)));
        match nearest(&word, shown.map(|(name, _)| name)) {
            Some(name) => error.hint(format!("did you mean {family} {name}?")),
            None => error.hint(format!("occtl help {family} lists them")),
        }
    })
}

/// A value that a flag or an operand does not accept, and what it does accept.
pub fn wrong_value(name: &str, value: &str, accepted: &str) -> Error {
    // Without quotes an empty value could not be seen.
    let shown = if value.is_empty() { "\"\"".into() } else { brief(value) };
    Error::usage(format!("{name} cannot be {shown}")).hint(accepted)
}

/// A value that is none of those that a flag or an operand accepts.
pub fn wrong_choice(name: &str, value: &str, choices: &[&str]) -> Error {
    wrong_value(name, value, &instead(value, choices))
}

/// The most characters of a word that an error shows.
const LONGEST_SHOWN: usize = 60;

/// The beginning of a word, which may be a whole page of text where a prompt was meant.
pub(super) fn brief(word: &str) -> String {
    let line = word.trim_start().lines().next().unwrap_or_default();
    let shown: String = line.chars().take(LONGEST_SHOWN).collect();
    if shown.len() < word.len() { format!("{shown}…") } else { shown }
}

/// A flag that neither the command nor every command has. `word` is all that was typed.
pub(super) fn unknown_flag(command: Option<&'static Command>, shown: &str, word: &OsStr) -> Error {
    let program = command.map_or("occtl".into(), |command| format!("occtl {}", command.name));
    let word = word.to_string_lossy();
    let takes_text = |command: &Command| command.operands.iter().any(|one| one.may_be_stdin);
    if command.is_some_and(takes_text) {
        // No flag has a blank in it, but lists and front matter of Markdown begin with dashes.
        let is_text = word.contains(char::is_whitespace) || word.starts_with("---");
        let names = flags_of(command).flat_map(Flag::longs);
        let meant = shown.strip_prefix("--").and_then(|name| nearest(name, names));
        let text = "if it is the message, put -- before it, or use - and stdin";
        return match meant.filter(|_| !is_text) {
            Some(name) => Error::usage(format!("{program} has no flag {shown}"))
                .hint(format!("did you mean --{name}? {text}")),
            None => Error::usage(format!("{program} has no flag {}", brief(&word))).hint(text),
        };
    }
    let shown = brief(shown);
    let error = Error::usage(format!("{program} has no flag {shown}"));
    if let ("-C", Some(command)) = (&*shown, command) {
        return error
            .hint(format!("-C DIR stands before the command: occtl -C DIR {}", command.name));
    }
    let names = flags_of(command).flat_map(Flag::longs);
    match shown.strip_prefix("--").and_then(|name| nearest(name, names)) {
        Some(name) => error.hint(format!("did you mean --{name}?")),
        None if command.is_some_and(runs_a_command) => {
            error.hint(format!("if it is the command's, put -- before that: {program} -- COMMAND"))
        }
        None => error.hint(format!("{} lists them", help_of(command))),
    }
}

/// Whether the operands of a command are another program and its words.
fn runs_a_command(command: &Command) -> bool {
    command.operands.iter().any(|operand| operand.name == "COMMAND" && operand.many)
}

/// A flag without the value that it takes.
pub(super) fn missing_value(command: Option<&'static Command>, flag: &Flag, shown: &str) -> Error {
    let value = flag.value.unwrap_or_default();
    Error::usage(format!("{shown} needs a value, {value}")).hint(help_of(command))
}

/// Anything else that lexopt refuses, for example a value for a flag that takes none.
pub(super) fn unreadable(command: Option<&'static Command>, error: &lexopt::Error) -> Error {
    Error::usage(error.to_string()).hint(format!("{} explains its flags", help_of(command)))
}

/// The command line that explains a command, or all of them.
fn help_of(command: Option<&'static Command>) -> String {
    command.map_or("occtl help".into(), |command| format!("occtl help {}", command.name))
}
