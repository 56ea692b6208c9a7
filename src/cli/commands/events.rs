use std::time::Duration;

use crate::cli::App;
use crate::cli::spec::{Action, Command, Exit, Flag, SESSION_TO_READ};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

pub const COMMAND: Command = Command {
    name: "events",
    summary: "Print the server's events as they happen, one JSON document per line",
    about: &[
        "The documents are the server's own: {id, type, properties}. The server repeats nothing, \
         so events from before the command started, or from while a broken stream is opened \
         again, are missing.",
        "Ends with status 4 when the server ends, and with 124 after --timeout.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[
        Flag::value("timeout", Some('t'), "SECONDS", "Stop after this time").absent("never")
    ]],
    examples: &[(
        "occtl events $S | jq -r 'select(.type == \"permission.asked\") | .properties.id'",
        "ids of permissions as they are requested",
    )],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let limit = words.optional_seconds("timeout")?;
    Ok(Box::new(move |app| run(app, &session, limit)))
}

fn run(app: &mut App, session: &str, limit: Option<Duration>) -> Result<Exit> {
    let context = app.context()?;
    let mut failed = None;
    let out = &mut app.out;
    runner::conversation::events(&context, session, limit, &mut |line| {
        if !line.is_empty() {
            failed = out.line(line).err();
        }
        failed.is_none() && !out.is_closed()
    })?;
    failed.map_or(Ok(Exit::OK), Err)
}
