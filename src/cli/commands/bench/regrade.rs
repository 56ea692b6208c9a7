use std::path::PathBuf;

use crate::bench::trial;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;

/// A hidden command, hence without a summary. `bench recheck` starts it for one answer. A user has
/// no use for it.
pub const COMMAND: Command = Command {
    name: "bench regrade",
    summary: "",
    about: &[],
    operands: &[Operand::required("FILE", "What to grade")],
    flags: &[],
    examples: &[],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let order: PathBuf = words.required(0)?.into();
    Ok(Box::new(move |app| {
        trial::regrade(&app.context()?, &order)?;
        Ok(Exit::OK)
    }))
}
