use std::time::Duration;

use super::approve::{ALL, PERMISSIONS, action};
use crate::cli::spec::{Action, Command, Flag, QUIET, SESSION_TO_USE};
use crate::cli::turn_flags::text_of;
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::asks::Reply;

/// How long the message may take to arrive: as long as a turn waits by default.
const MESSAGE_WAIT: Duration = Duration::from_secs(300);

pub const COMMAND: Command = Command {
    name: "reject",
    summary: "Refuse the permissions that turns are waiting for",
    about: &[
        "With --message the model reads the message and goes on. Without it the turn ends.",
        "The server may settle other requests of the same conversation along with this one.",
    ],
    operands: &[SESSION_TO_USE, PERMISSIONS],
    flags: &[&[
        Flag::value("message", Some('m'), "TEXT", "What to tell the model"),
        Flag::value("message-file", None, "FILE", "Tell the model the text of this file")
            .may_be_stdin()
            .excludes(&["message"], "each is the text"),
        ALL,
        QUIET,
    ]],
    examples: &[
        (
            "occtl reject $S per_204f -m 'Use the staging server'",
            "tell the model what to do instead",
        ),
        ("occtl reject $S --all --message-file rules.md", "tell it more than fits on the line"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let message = words.value("message")?;
    let file = words.path("message-file");
    let reply = move || {
        let read = |path| text_of(path, "the message", MESSAGE_WAIT);
        Ok(Reply::Reject(file.as_deref().map(read).transpose()?.or(message)))
    };
    action(words, reply, "Rejected")
}
