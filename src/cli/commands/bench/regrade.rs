use std::path::PathBuf;

use super::trial::PARENT;
use crate::bench::bound;
use crate::bench::trial;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;

/// `bench recheck` starts it for one answer.
pub const COMMAND: Command =
    Command::hidden("bench regrade", &[Operand::required("FILE", "What to grade"), PARENT], parse);

fn parse(words: &Words) -> Result<Action> {
    let order: PathBuf = words.required(0)?.into();
    let parent = words.operand(1)?;
    Ok(Box::new(move |app| {
        bound::bind(parent.as_deref())?;
        trial::regrade(&app.context()?, &order)?;
        Ok(Exit::OK)
    }))
}
