//! Flags and operands of many commands.

use super::flag::Flag;
use super::operand::Operand;
use crate::runner::{DEFAULT_SESSION, Purpose};

/// The flags of every command. They may stand before or after its name.
pub const GLOBAL: [Flag; 3] = [
    Flag::switch(
        "json",
        None,
        "Print the result as JSON on stdout, and an error as JSON on stderr",
    ),
    COLOR,
    Flag::switch("help", Some('h'), "Show this help"),
];

/// Whether results are coloured.
pub const COLOR: Flag = Flag::value("color", None, "WHEN", "When to use colours")
    .default("auto")
    .choices(&["auto", "always", "never"]);

/// The operand that names a session which the command only reads.
pub const SESSION_TO_READ: Operand = session(Purpose::Read);

/// The operand that names a session in which the command changes or uses something.
pub const SESSION_TO_USE: Operand = session(Purpose::Act);

const fn session(purpose: Purpose) -> Operand {
    let help = "Id, unique prefix of an id, or name of a session; . is the one of this directory";
    Operand::required("SESSION", help).default(DEFAULT_SESSION).session(purpose)
}

/// How a conversation is named.
const CONVERSATION_HELP: &str = "The conversation: its id (ses_…), the beginning of one, or latest";

/// The conversation that a command works on.
pub const CONVERSATION: Flag = Flag::value("session", Some('s'), "CONVERSATION", CONVERSATION_HELP)
    .alias("conversation")
    .absent("the newest that is not a sub-agent's");

/// The conversation that a command changes or ends. `Words::target` reads it.
pub const CONVERSATION_TO_USE: Flag =
    CONVERSATION.absent("the one that occtl used last on this session");

/// How long a command that reads may take. Without it only a silent server ends the command.
pub const WITHIN: Flag =
    Flag::value("timeout", Some('t'), "SECONDS", "How long the whole command may take")
        .absent("as long as the server sends something, for up to 300 s");

/// Prints ids and nothing else.
pub const QUIET: Flag = Flag::switch("quiet", Some('q'), "Print only ids, one per line");
