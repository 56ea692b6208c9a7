use std::ffi::OsStr;

use serde_json::json;

use crate::cli::App;
use crate::cli::help::{self, Topic};
use crate::cli::spec::{Action, Command, Commands, Exit, Operand};
use crate::cli::words::{Words, find, find_member};
use crate::error::Result;
use crate::runner::nearest::nearest;

pub const COMMAND: Command = Command {
    name: "help",
    summary: "List the commands, or explain one of them",
    about: &[],
    operands: &[
        Operand::optional(
            "COMMAND",
            "The command to explain, or exit-codes, environment, json or policy",
        ),
        Operand::optional("SECOND", "The second word of a command that has two"),
    ],
    flags: &[],
    examples: &[
        ("occtl help send", "everything about send"),
        ("occtl help exit-codes", "what each exit status says"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let commands = words.commands;
    let first = words.operand(0)?;
    if let Some(topic) = first.as_deref().and_then(help::topic) {
        return Ok(Box::new(|app| print_topic(app, topic)));
    }
    let mut command = first.map(|name| named(commands, &name)).transpose()?;
    if let (Some(family), Some(second)) = (command, words.operand(1)?) {
        command = Some(find_member(commands, family, OsStr::new(&second))?);
    }
    Ok(Box::new(move |app| print(app, commands, command)))
}

/// The command of that name. An error may suggest a topic instead.
fn named(commands: Commands, name: &str) -> Result<&'static Command> {
    find(commands, OsStr::new(name)).map_err(|error| {
        match nearest(name, help::TOPICS.iter().map(|topic| topic.name)) {
            Some(topic) => error.hint(format!("did you mean {topic}?")),
            None => error,
        }
    })
}

fn print_topic(app: &mut App, topic: &Topic) -> Result<Exit> {
    print_text(app, &topic.text(app.out.width()))
}

/// Prints the help for one command, or for all.
pub fn print(app: &mut App, commands: Commands, command: Option<&'static Command>) -> Result<Exit> {
    let width = app.out.width();
    let text = match command {
        Some(command) => help::command(commands, command, width),
        None => help::overview(commands, width),
    };
    print_text(app, &text)
}

fn print_text(app: &mut App, text: &str) -> Result<Exit> {
    if app.json {
        app.out.json(&json!({"help": text}))?;
    } else {
        app.out.write(text)?;
    }
    Ok(Exit::OK)
}
