use serde_json::json;

use crate::cli::App;
use crate::cli::spec::{Action, CONVERSATION_TO_USE, Command, Exit, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::Target;

pub const COMMAND: Command = Command {
    name: "unrevert",
    summary: "Bring back the turns and files that revert has taken back",
    about: &["That is possible until the next prompt. Without -s it is the conversation that \
         occtl opened or used last on this session."],
    operands: &[SESSION_TO_USE],
    flags: &[&[CONVERSATION_TO_USE, QUIET]],
    examples: &[
        ("occtl unrevert $S", "think better of it"),
        ("occtl unrevert $S -s $C", "the same in another conversation"),
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
    let found = runner::conversation::unrevert(&app.context()?, session, target)?;
    if app.json {
        app.out.json(&json!({"session": found.session, "conversation": found.conversation,
                             "turn": found.turn}))?;
    } else if let Some(turn) = found.turn {
        app.out.done("Brought back", &turn, quiet)?;
    } else if !quiet {
        app.out.line(&format!("Nothing is taken back in {}", found.conversation))?;
    }
    Ok(Exit::OK)
}
