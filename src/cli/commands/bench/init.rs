use serde_json::json;

use crate::bench::starter;
use crate::cli::App;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;

pub const COMMAND: Command = Command {
    name: "bench init",
    summary: "Write a small plan and one task that run as they are",
    about: &["Files that are there already are left alone: then nothing is written, and the \
         status is 2. The plan needs no key: it takes the model that OpenCode takes by itself."],
    operands: &[
        Operand::optional("DIR", "Where to write them; it is made if it is missing").default(".")
    ],
    flags: &[],
    examples: &[
        ("occtl bench init trial", "writes trial/plan.json, trial/README.md and a task"),
        ("occtl bench init", "the same in the working directory"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let directory = words.required(0)?;
    Ok(Box::new(move |app| run(app, &directory)))
}

fn run(app: &mut App, directory: &str) -> Result<Exit> {
    let files = starter::write(directory.as_ref())?;
    if app.json {
        app.out.json(&json!({"files": files}))?;
        return Ok(Exit::OK);
    }
    files.iter().try_for_each(|file| app.out.line(&file.display().to_string()))?;
    Ok(Exit::OK)
}
