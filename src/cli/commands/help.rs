use std::ffi::OsStr;

use serde_json::json;

use crate::cli::App;
use crate::cli::help;
use crate::cli::spec::{Action, Command, Commands, Exit, Operand};
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
    let commands = words.commands;
    let find = |name: String| find(commands, OsStr::new(&name));
    let command = words.operand(0)?.map(find).transpose()?;
    Ok(Box::new(move |app| print(app, commands, command)))
}

/// Prints the help for one command, or for all.
pub fn print(app: &mut App, commands: Commands, command: Option<&Command>) -> Result<Exit> {
    let text = command.map_or_else(|| help::overview(commands), help::command);
    if app.json {
        app.out.json(&json!({"help": text}))?;
    } else {
        app.out.write(&text)?;
    }
    Ok(Exit::OK)
}
