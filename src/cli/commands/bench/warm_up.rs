use std::path::PathBuf;

use super::trial::PARENT;
use crate::bench;
use crate::bench::bound;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::Environment;

/// `bench run` starts it before the first run.
pub const COMMAND: Command = Command::hidden(
    "bench warm-up",
    &[Operand::required("FILE", "What is to be started"), PARENT],
    parse,
);

fn parse(words: &Words) -> Result<Action> {
    let file = PathBuf::from(words.required(0)?);
    let parent = words.operand(1)?;
    Ok(Box::new(move |_| {
        bound::bind(parent.as_deref())?;
        bench::trial::warm_up::warm_up(&Environment::of_process(), &file)?;
        Ok(Exit::OK)
    }))
}
