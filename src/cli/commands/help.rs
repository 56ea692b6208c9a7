use std::ffi::OsStr;

use serde_json::json;

use crate::cli::App;
use crate::cli::help;
use crate::cli::spec::{Action, Command, Commands, Exit, Operand};
use crate::cli::words::{Words, find, find_member};
use crate::error::Result;

pub const COMMAND: Command = Command {
    name: "help",
    summary: "List the commands, or explain one of them",
    about: &[],
    operands: &[
        Operand::optional("COMMAND", "The command to explain"),
        Operand::optional("SECOND", "The second word of a command that has two"),
    ],
    flags: &[],
    examples: &[("occtl help send", "everything about send")],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let commands = words.commands;
    let first = |name: String| find(commands, OsStr::new(&name));
    let mut command = words.operand(0)?.map(first).transpose()?;
    if let (Some(family), Some(second)) = (command, words.operand(1)?) {
        command = Some(find_member(commands, family, OsStr::new(&second))?);
    }
    Ok(Box::new(move |app| print(app, commands, command)))
}

/// Prints the help for one command, or for all.
pub fn print(app: &mut App, commands: Commands, command: Option<&'static Command>) -> Result<Exit> {
    let width = app.out.width();
    let text = match command {
        Some(command) => help::command(commands, command, width),
        None => help::overview(commands, width),
    };
    if app.json {
        app.out.json(&json!({"help": text}))?;
    } else {
        app.out.write(&text)?;
    }
    Ok(Exit::OK)
}
