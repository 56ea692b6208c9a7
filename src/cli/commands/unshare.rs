use serde_json::json;

use crate::cli::App;
use crate::cli::spec::{Action, CONVERSATION_TO_USE, Command, Exit, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::Target;

pub const COMMAND: Command = Command {
    name: "unshare",
    summary: "Take a conversation that was shared off again",
    about: &[
        "What others have copied of it stays with them. Where the configuration disables sharing \
         and the conversation is not shared, the status is 1.",
        "Without -s it is the conversation that occtl opened or used last on this session.",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[&[CONVERSATION_TO_USE, QUIET]],
    examples: &[
        ("occtl unshare $S -s $C", "its address leads nowhere then"),
        ("occtl unshare $S", "the same for the conversation that was used last"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let target = words.target()?;
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| run(app, &session, &target, quiet)))
}

fn run(app: &mut App, session: &str, target: &Target, quiet: bool) -> Result<Exit> {
    let found = runner::conversation::unshare(&app.context()?, session, target)?;
    if app.json {
        app.out.json(&json!({"session": found.session, "conversation": found.conversation,
                             "was_shared": found.was_shared}))?;
    } else if found.was_shared || quiet {
        app.out.done("Unshared", &found.conversation, quiet)?;
    } else {
        app.out.line(&format!("Conversation {} is not shared", found.conversation))?;
    }
    Ok(Exit::OK)
}
