use std::path::PathBuf;

use crate::bench;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;

/// A hidden command, hence without a summary. `bench trial` starts it, perhaps in a container, for
/// the agent of its run. A user has no use for it.
pub const COMMAND: Command = Command {
    name: "bench agent",
    summary: "",
    about: &[],
    operands: &[Operand::required("FILE", "What is to be done")],
    flags: &[],
    examples: &[],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let file = PathBuf::from(words.required(0)?);
    Ok(Box::new(move |app| {
        bench::trial::agent(&app.context()?, &file)?;
        Ok(Exit::OK)
    }))
}
