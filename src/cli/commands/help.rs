use std::ffi::OsStr;

use serde_json::json;

use crate::cli::App;
use crate::cli::help;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::{Words, find};
use crate::error::Result;

pub const COMMAND: Command = Command {
    name: "help",
    summary: "List the commands, or explain one of them",
    about: &[],
    operands: &[Operand::optional("COMMAND", "The command to explain")],
    flags: &[],
    examples: &[("occtl help send", "everything about send")],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let command = words.operand(0)?.map(|name| find(OsStr::new(&name))).transpose()?;
    Ok(Box::new(move |app| print(app, command)))
}

/// Prints the help for one command, or for all.
pub fn print(app: &mut App, command: Option<&'static Command>) -> Result<Exit> {
    let text = command.map_or_else(help::overview, help::command);
    if app.json {
        app.out.json(&json!({"help": text}))?;
    } else {
        app.out.write(&text)?;
    }
    Ok(Exit::OK)
}
