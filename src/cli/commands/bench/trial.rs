use std::path::PathBuf;

use crate::bench;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::Environment;

/// A hidden command, hence without a summary. `bench run` starts it once for each run. A user has
/// no use for it.
pub const COMMAND: Command = Command {
    name: "bench trial",
    summary: "",
    about: &[],
    operands: &[Operand::required("FILE", "What is to be done")],
    flags: &[],
    examples: &[],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let file = PathBuf::from(words.required(0)?);
    Ok(Box::new(move |_| {
        bench::trial::trial(&Environment::of_process(), &file)?;
        Ok(Exit::OK)
    }))
}
