use crate::cli::spec::{Action, Command, Exit, SESSION};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

/// What `run` starts beside itself; nobody else has a use for it.
pub const COMMAND: Command = Command {
    name: "guard",
    summary: "",
    about: &[],
    operands: &[SESSION],
    flags: &[],
    examples: &[],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    Ok(Box::new(move |app| {
        runner::guard(&app.context()?, &session)?;
        Ok(Exit::OK)
    }))
}
