use std::time::Duration;

use serde_json::json;

use crate::cli::App;
use crate::cli::output::one_line;
use crate::cli::spec::{Action, CONVERSATION_TO_USE, Command, Exit, Flag, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::Target;
use crate::runner::prompt::Aborted;

pub const COMMAND: Command = Command {
    name: "abort",
    summary: "Abort what a conversation is doing, including its sub-agents",
    about: &[
        "Succeeds once the session's server reports the conversation as idle. The server also \
         drops the prompts that are queued in it, and what its turn asked for is rejected.",
        "Without -s it is the conversation that occtl opened or used last on this session (with \
         send, new, fork or attach -s). A server can only abort the turns that it runs itself: \
         one of another server of the same directory is an error (status 1).",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[&[
        CONVERSATION_TO_USE,
        Flag::value("timeout", Some('t'), "SECONDS", "How long the abort may take").default("10"),
        QUIET,
    ]],
    examples: &[
        ("occtl abort $S", "abort the conversation that was used last"),
        ("occtl abort $S -s $C -t 30", "abort one that may take longer"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let target = words.target()?;
    let limit = words.seconds("timeout")?;
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| run(app, &session, &target, limit, quiet)))
}

fn run(
    app: &mut App,
    session: &str,
    target: &Target,
    limit: Duration,
    quiet: bool,
) -> Result<Exit> {
    let aborted = runner::prompt::abort_conversation(&app.context()?, session, target, limit)?;
    if app.json {
        let Aborted { conversation, was_busy } = aborted;
        app.out.json(&json!({"conversation": conversation, "aborted": was_busy}))?;
    } else if aborted.was_busy || quiet {
        app.out.done("Aborted", &aborted.conversation, quiet)?;
    } else {
        let conversation = one_line(&aborted.conversation);
        app.out.line(&format!("Nothing was going on in {conversation}"))?;
    }
    Ok(Exit::OK)
}
