use serde_json::json;

use crate::cli::App;
use crate::cli::output::one_line;
use crate::cli::spec::{
    Action, CONVERSATION_TO_USE, Command, Exit, Operand, QUIET, SESSION_TO_USE,
};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::conversation::Target;

pub const COMMAND: Command = Command {
    name: "rename",
    summary: "Give a conversation another title",
    about: &["Without -s it is the conversation that occtl opened or used last on this session."],
    operands: &[SESSION_TO_USE, Operand::required("TITLE", "The new title")],
    flags: &[&[CONVERSATION_TO_USE, QUIET]],
    examples: &[
        ("occtl rename $S 'Nightly review'", "name the conversation that was used last"),
        ("occtl rename $S -s $C 'Nightly review'", "name another one"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let title = words.required(1)?;
    let target = words.target()?;
    let quiet = words.has("quiet");
    if title.trim().is_empty() {
        return Err(Error::usage("the title is empty"));
    }
    Ok(Box::new(move |app| run(app, &session, &target, &title, quiet)))
}

fn run(app: &mut App, session: &str, target: &Target, title: &str, quiet: bool) -> Result<Exit> {
    let renamed = runner::conversation::rename(&app.context()?, session, target, title)?;
    if app.json {
        app.out.json(&json!({"session": renamed.session, "conversation": renamed.conversation,
                             "title": renamed.title}))?;
    } else {
        app.out.done("Renamed", &renamed.conversation, quiet)?;
        if !quiet {
            app.out.line(&format!("  Title: {}", one_line(&renamed.title)))?;
        }
    }
    Ok(Exit::OK)
}
