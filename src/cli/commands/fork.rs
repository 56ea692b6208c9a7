use serde_json::json;

use crate::cli::App;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

pub const COMMAND: Command = Command {
    name: "fork",
    summary: "Copy a conversation, or the beginning of it",
    about: &[
        "The copy is a conversation of its own with the rules of the original. What is said in \
         one of them is not seen in the other.",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[&[
        CONVERSATION,
        Flag::value(
            "message",
            Some('m'),
            "MESSAGE",
            "Copy only what comes before it: an id (msg_…), the beginning of one, or latest",
        )
        .absent("everything"),
        QUIET,
    ]],
    examples: &[
        ("occtl send $S -s $(occtl fork $S -q) --wait 'Try it another way'", "try again in a copy"),
        ("occtl fork $S -s $C -m $T", "copy what came before a turn"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let id = words.value("session")?;
    let message = words.value("message")?;
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| run(app, &session, id.as_deref(), message.as_deref(), quiet)))
}

fn run(
    app: &mut App,
    session: &str,
    id: Option<&str>,
    message: Option<&str>,
    quiet: bool,
) -> Result<Exit> {
    let forked = runner::conversation::fork(&app.context()?, session, id, message)?;
    if app.json {
        app.out.json(&json!({"session": forked.session, "conversation": forked.id,
                             "parent": forked.parent, "title": forked.title}))?;
    } else {
        app.out.done("Forked", &forked.id, quiet)?;
        if !quiet {
            app.out.line(&format!("  Parent: {}", forked.parent))?;
        }
    }
    Ok(Exit::OK)
}
