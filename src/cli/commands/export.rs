use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::App;
use crate::cli::output::escape;
use crate::cli::output::file::NewFile;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

/// Where the messages are written.
pub const OUTPUT: Flag = Flag::value(
    "output",
    Some('o'),
    "FILE",
    "Write to this file, which appears when it is complete",
);

pub const COMMAND: Command = Command {
    name: "export",
    summary: "Write a whole conversation as one JSON document",
    about: &[
        "The document has `info` and `messages`, all as the server has them. Messages are passed \
         on as they arrive, so a conversation may have any length.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[CONVERSATION, OUTPUT.absent("stdout")], &[WITHIN]],
    examples: &[("occtl export $S -s $C -o talk.json", "save one conversation to a file")],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let id = words.value("session")?;
    let output: Option<PathBuf> = words.path("output");
    words.within(move |app| run(app, &session, id.as_deref(), output.as_deref()))
}

fn run(app: &mut App, session: &str, id: Option<&str>, output: Option<&Path>) -> Result<Exit> {
    let context = app.context()?;
    let Some(path) = output else {
        let out = &mut app.out;
        runner::conversation::export(&context, session, id, &mut |text| {
            out.write(text)?;
            Ok(!out.is_closed())
        })?;
        return Ok(Exit::OK);
    };
    // Before the file is created, so that an interrupted export leaves nothing of it.
    context.catch_signals()?;
    let mut file = NewFile::create(path)?;
    let count = runner::conversation::export(&context, session, id, &mut |text| {
        file.write(text).map(|()| true)
    })?;
    finish(app, file, count)?;
    Ok(Exit::OK)
}

/// Puts the file with the messages in its place, and says how many there are.
pub fn finish(app: &mut App, file: NewFile, count: usize) -> Result<()> {
    let path = file.finish()?.display().to_string();
    if app.json {
        app.out.json(&json!({"exported": count, "file": path}))
    } else {
        app.out.line(&format!("Exported {count} messages to {}", escape(&path)))
    }
}
