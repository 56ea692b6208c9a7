use serde_json::{Value, json};

use crate::cli::output::{Cell, one_line};
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::session::OwnCommand;

pub const COMMAND: Command = Command {
    name: "commands",
    summary: "List OpenCode's own commands, which make prompts from templates",
    about: &[
        "`occtl send --command NAME` and `occtl run --command NAME` invoke one. Its source is \
         command (OpenCode and its configuration), mcp or skill.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[Flag { help: "Print only names, one per line", ..QUIET }], &[WITHIN]],
    examples: &[
        ("occtl commands $S", "what `occtl send --command` accepts"),
        ("occtl send $S --wait --command review main", "invoke one with an argument"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let quiet = words.has("quiet");
    words.within(move |app| {
        let commands = runner::session::commands(&app.context()?, &session)?;
        if app.json {
            app.out.json(&json!({"commands": commands.iter().map(row).collect::<Vec<Value>>()}))?;
        } else if quiet {
            commands.iter().try_for_each(|command| app.out.line(&one_line(&command.name)))?;
        } else {
            let rows: Vec<Vec<Cell>> = commands.iter().map(cells).collect();
            app.out.table(&["Name", "Source", "Description"], &rows)?;
        }
        Ok(Exit::OK)
    })
}

fn cells(command: &OwnCommand) -> Vec<Cell> {
    let or_dash = |text: &Option<String>| Cell::new(text.as_deref().unwrap_or("-"));
    vec![Cell::new(&command.name), or_dash(&command.source), or_dash(&command.description)]
}

fn row(command: &OwnCommand) -> Value {
    json!({"name": command.name, "description": command.description, "source": command.source,
           "agent": command.agent, "model": command.model, "subtask": command.subtask})
}
