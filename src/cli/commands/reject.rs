use super::approve::{ALL, PERMISSIONS, action};
use crate::cli::spec::{Action, Command, Flag, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::asks::Reply;

pub const COMMAND: Command = Command {
    name: "reject",
    summary: "Refuse the permissions that turns are waiting for",
    about: &[
        "With --message the model reads the message and goes on. Without it the turn ends.",
        "The server may settle other requests of the same conversation along with this one.",
    ],
    operands: &[SESSION_TO_USE, PERMISSIONS],
    flags: &[&[Flag::value("message", Some('m'), "TEXT", "What to tell the model"), ALL, QUIET]],
    examples: &[(
        "occtl reject $S per_204f -m 'Use the staging server'",
        "tell the model what to do instead",
    )],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let message = words.value("message")?;
    action(words, Reply::Reject(message), "Rejected")
}
