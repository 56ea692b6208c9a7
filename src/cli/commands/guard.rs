use crate::cli::spec::{Action, Command, Exit};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

/// `run` starts it as a second process, which ends the session of `run` if `run` is killed first.
pub const COMMAND: Command = Command::hidden("guard", &[], parse);

fn parse(_: &Words) -> Result<Action> {
    Ok(Box::new(|app| {
        runner::lifecycle::guard(&app.context()?)?;
        Ok(Exit::OK)
    }))
}
