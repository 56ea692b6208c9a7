use crate::cli::spec::{Action, Command, Exit};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

/// Starts no session: `run` starts this process beside itself, to end the session if it is killed.
pub const COMMAND: Command = Command {
    name: "guard",
    summary: "",
    about: &[],
    operands: &[],
    flags: &[],
    examples: &[],
    parse,
};

fn parse(_: &Words) -> Result<Action> {
    Ok(Box::new(|app| {
        runner::lifecycle::guard(&app.context()?)?;
        Ok(Exit::OK)
    }))
}
