use std::time::Duration;

use serde_json::json;

use crate::cli::App;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, QUIET, SESSION};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::Target;

pub const COMMAND: Command = Command {
    name: "abort",
    summary: "Abort what a conversation is doing, including its sub-agents",
    about: &[
        "Succeeds once the session's server reports the conversation as idle. The server also \
         drops the prompts that are queued in it.",
    ],
    operands: &[SESSION],
    flags: &[&[
        CONVERSATION,
        Flag::value("timeout", Some('t'), "SECONDS", "How long the abort may take").default("10"),
        QUIET,
    ]],
    examples: &[("occtl abort $S", "abort the newest conversation")],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let target = words.value("session")?.map_or(Target::Latest, Target::Given);
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
        app.out.json(&json!({"conversation": aborted}))?;
    } else {
        app.out.done("Aborted", &aborted, quiet)?;
    }
    Ok(Exit::OK)
}
