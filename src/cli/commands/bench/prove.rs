use std::path::PathBuf;

use super::trial::PARENT;
use crate::bench::bound;
use crate::bench::check::prove;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::Environment;

/// `bench check` starts one for each try of a task.
pub const COMMAND: Command = Command::hidden(
    "bench prove",
    &[Operand::required("ORDER", "What to try, a JSON file"), PARENT],
    parse,
);

fn parse(words: &Words) -> Result<Action> {
    let order: PathBuf = words.required(0)?.into();
    let parent = words.operand(1)?;
    Ok(Box::new(move |_| {
        bound::bind(parent.as_deref())?;
        prove::run(&Environment::of_process(), &order)?;
        Ok(Exit::OK)
    }))
}
