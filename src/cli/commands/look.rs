use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

/// It looks at a directory that may never answer, for a command that cannot wait for ever.
pub const COMMAND: Command =
    Command::hidden("look", &[Operand::required("PATH", "Where to look")], parse);

fn parse(words: &Words) -> Result<Action> {
    let path = words.required(0)?;
    Ok(Box::new(move |_| {
        runner::session::look(path.as_ref());
        Ok(Exit::OK)
    }))
}
