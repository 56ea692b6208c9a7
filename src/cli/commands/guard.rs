use crate::cli::spec::{Action, Command, Exit};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

/// A hidden command, hence without a summary. `run` starts it as a second process, which ends the
/// session of `run` if `run` is killed first. A user has no use for it.
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
