use serde_json::json;

use crate::cli::App;
use crate::cli::output::one_line;
use crate::cli::spec::{Action, CONVERSATION_TO_USE, Command, Exit, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::Target;

pub const COMMAND: Command = Command {
    name: "share",
    summary: "Publish a conversation for everybody who has its address, and print that",
    about: &[
        "The session's server sends the whole conversation to OpenCode's share service, or to \
         the one of its configuration, and all that is said in it later. A configuration with \
         `\"share\": \"disabled\"` is respected (status 1).",
        "Without -s it is the conversation that occtl opened or used last on this session.",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[&[CONVERSATION_TO_USE]],
    examples: &[
        ("occtl share $S -s $C", "print the address"),
        ("occtl share $S", "share the conversation that was used last"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let target = words.target()?;
    Ok(Box::new(move |app| run(app, &session, &target)))
}

fn run(app: &mut App, session: &str, target: &Target) -> Result<Exit> {
    let shared = runner::conversation::share(&app.context()?, session, target)?;
    if app.json {
        app.out.json(&json!({"session": shared.session, "conversation": shared.conversation,
                             "url": shared.url}))?;
    } else {
        app.out.line(&one_line(&shared.url))?;
    }
    Ok(Exit::OK)
}
