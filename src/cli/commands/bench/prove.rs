use std::path::PathBuf;

use crate::bench::check::prove;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::Environment;

/// A hidden command, hence without a summary: `bench check` starts one for each try of a task. A
/// user has no use for it.
pub const COMMAND: Command = Command {
    name: "bench prove",
    summary: "",
    about: &[],
    operands: &[Operand::required("ORDER", "What to try, a JSON file")],
    flags: &[],
    examples: &[],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let order: PathBuf = words.required(0)?.into();
    Ok(Box::new(move |_| {
        prove::run(&Environment::of_process(), &order)?;
        Ok(Exit::OK)
    }))
}
