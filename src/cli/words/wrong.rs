//! What is said about words that the tables do not have, with the nearest ones that they do.

use std::ffi::OsStr;

use super::flags_of;
use crate::cli::spec::{COMMANDS, Command, Flag, shown};
use crate::error::{Error, Result};
use crate::runner::nearest::nearest;

/// A command by its name; a wrong one is an error that knows the nearest, by letters or by what other programs call it.
pub fn find(word: &OsStr) -> Result<&'static Command> {
    let word = word.to_string_lossy();
    let meant = match &*word {
        "ls" | "ps" => Some("list"),
        "up" | "serve" | "new" | "create" => Some("start"),
        "down" | "kill" | "rm" | "quit" | "exit" => Some("stop"),
        "ask" | "chat" | "prompt" | "exec" => Some("send"),
        "get" | "show" | "inspect" => Some("status"),
        _ => None,
    };
    COMMANDS.iter().copied().find(|command| command.name == word).ok_or_else(|| {
        let names = shown().map(|command| command.name);
        let error = Error::usage(format!("there is no command {word}"));
        match meant.or_else(|| nearest(&word, names)) {
            Some(name) => error.hint(format!("did you mean {name}?")),
            None => error.hint("occtl help lists them"),
        }
    })
}

pub(super) fn unknown_flag(command: Option<&'static Command>, shown: &str) -> Error {
    let (of, help) = match command {
        Some(command) => {
            (format!("occtl {}", command.name), format!("occtl help {}", command.name))
        }
        None => ("occtl".into(), "occtl help".into()),
    };
    let error = Error::usage(format!("{of} has no flag {shown}"));
    let names = flags_of(command).map(|flag| flag.long);
    match shown.strip_prefix("--").and_then(|name| nearest(name, names)) {
        Some(name) => error.hint(format!("did you mean --{name}?")),
        None => error.hint(format!("{help} lists them")),
    }
}

pub(super) fn missing_value(command: Option<&'static Command>, flag: &Flag, shown: &str) -> Error {
    let help = command.map_or("help".into(), |command| format!("help {}", command.name));
    let value = flag.value.unwrap_or_default();
    Error::usage(format!("{shown} needs a value, {value}")).hint(format!("occtl {help}"))
}
