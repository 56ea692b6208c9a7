use std::path::PathBuf;

use crate::bench;
use crate::bench::bound;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::Environment;

/// The process that starts a hidden command and whose end ends it.
pub const PARENT: Operand = Operand::optional("PARENT", "The process that it ends with");

/// `bench run` starts it once for each run.
pub const COMMAND: Command = Command::hidden(
    "bench trial",
    &[Operand::required("FILE", "What is to be done"), PARENT],
    parse,
);

fn parse(words: &Words) -> Result<Action> {
    let file = PathBuf::from(words.required(0)?);
    let parent = words.operand(1)?;
    Ok(Box::new(move |_| {
        bound::bind(parent.as_deref())?;
        bench::trial::trial(&Environment::of_process(), &file)?;
        Ok(Exit::OK)
    }))
}
