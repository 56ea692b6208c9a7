use super::approve::{ALL, PERMISSIONS, action};
use crate::cli::spec::{Action, Command, Flag, QUIET, SESSION};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::asks::Reply;

pub const COMMAND: Command = Command {
    name: "reject",
    summary: "Refuse what turns wait for",
    about: &[
        "With a message the model reads it and goes on; without one its turn ends.",
        "The server may settle other requests of the same conversation along with one.",
    ],
    operands: &[SESSION, PERMISSIONS],
    flags: &[&[Flag::value("message", Some('m'), "TEXT", "What the model is told"), ALL, QUIET]],
    examples: &[(
        "occtl reject $S per_204f -m 'Use the staging server'",
        "tell it what to do instead",
    )],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let message = words.value("message")?.filter(|text| !text.is_empty());
    action(words, Reply::Reject(message), "Rejected")
}
