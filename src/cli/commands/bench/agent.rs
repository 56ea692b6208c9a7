use std::path::PathBuf;

use crate::bench;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;

/// `bench trial` starts it, perhaps in a container, for the agent of its run.
pub const COMMAND: Command =
    Command::hidden("bench agent", &[Operand::required("FILE", "What is to be done")], parse);

fn parse(words: &Words) -> Result<Action> {
    let file = PathBuf::from(words.required(0)?);
    Ok(Box::new(move |app| {
        bench::trial::agent(&app.context()?, &file)?;
        Ok(Exit::OK)
    }))
}
