use std::path::PathBuf;

use crate::bench;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::Environment;

/// `bench run` starts it before the first run.
pub const COMMAND: Command =
    Command::hidden("bench warm-up", &[Operand::required("FILE", "What is to be started")], parse);

fn parse(words: &Words) -> Result<Action> {
    let file = PathBuf::from(words.required(0)?);
    Ok(Box::new(move |_| {
        bench::trial::warm_up::warm_up(&Environment::of_process(), &file)?;
        Ok(Exit::OK)
    }))
}
