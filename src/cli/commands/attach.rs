use serde_json::json;

use crate::cli::App;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

pub const COMMAND: Command = Command {
    name: "attach",
    summary: "Open OpenCode's own terminal interface on a session",
    about: &[
        "occtl becomes `opencode attach URL`: from then on signals, terminal and exit status are \
         that program's. The password is passed in its environment, which has no proxy variables \
         if the server is on loopback: otherwise OpenCode sends the password to the proxy.",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[&[CONVERSATION.absent("none")]],
    examples: &[
        ("occtl attach $S", "look over the model's shoulder"),
        ("occtl attach $S -s $C", "go on with one conversation"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let conversation = words.value("session")?;
    Ok(Box::new(move |app| run(app, &session, conversation.as_deref())))
}

fn run(app: &mut App, session: &str, conversation: Option<&str>) -> Result<Exit> {
    let attachment = runner::conversation::attach(&app.context()?, session, conversation)?;
    if app.json {
        app.out.json(&json!({"url": attachment.url}))?;
    } else {
        app.out.line(&format!("Attaching to {}...", attachment.url))?;
    }
    Err(attachment.run())
}
