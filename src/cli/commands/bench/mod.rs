//! The family `occtl bench`: one file per command, as for all others.

pub mod agent;
pub mod check;
pub mod compare;
pub mod export;
pub mod import;
pub mod init;
pub mod prove;
pub mod recheck;
pub mod regrade;
pub mod report;
pub mod run;
pub mod show;
pub mod status;
pub mod trial;
pub mod warm_up;

use crate::cli::spec::{Action, Command, Operand};
use crate::cli::words::Words;
use crate::error::{Error, Result};

/// The family itself. The parser replaces it by the command that the second word names, so it is
/// never run; its help lists the commands.
pub const COMMAND: Command = Command {
    name: "bench",
    summary: "Compare models, agents, prompts and versions on tasks of your own",
    about: &[
        "A plan names tasks and arms: ways to run a task, for example two models. Each arm runs \
         each task several times, in a copy of the task's files and on a server of its own, and a \
         check of the task decides whether it passed.",
    ],
    operands: &[Operand::required("COMMAND", "One of the commands below")],
    flags: &[],
    examples: &[
        ("occtl bench init trial", "a plan and a task to begin with"),
        ("occtl help bench run", "one of its commands"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let name = words.required(0)?;
    Err(Error::usage(format!("there is no command bench {name}")).hint("occtl help bench"))
}
