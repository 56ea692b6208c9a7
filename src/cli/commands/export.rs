use std::path::PathBuf;

use serde_json::json;

use crate::cli::App;
use crate::cli::output::escape;
use crate::cli::output::file::NewFile;
use crate::cli::show::markdown::Markdown;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::Context;
use crate::runner::conversation::ExportOptions;

/// Where the messages are written.
pub const OUTPUT: Flag = Flag::value(
    "output",
    Some('o'),
    "FILE",
    "Write to this file, which appears when it is complete",
);

pub const COMMAND: Command = Command {
    name: "export",
    summary: "Write a whole conversation as one JSON or Markdown document",
    about: &[
        "The JSON document has `info` and `messages`, all as the server has them, and with \
         --children a list `children` of such objects, each sub-agent followed by its own. \
         Messages are passed on as they arrive, so a conversation may have any length.",
        "Markdown is for people: the texts as they are, tools with their arguments and results in \
         fences, control characters spelled out. It has no reasoning and no attached files.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[
        &[
            CONVERSATION,
            Flag::value("format", None, "FORMAT", "How the document is written")
                .default("json")
                .choices(&["json", "markdown"]),
            Flag::switch("children", None, "Also the conversations of its sub-agents"),
            OUTPUT.absent("stdout"),
        ],
        &[WITHIN],
    ],
    examples: &[
        ("occtl export $S -s $C -o talk.json", "save one conversation to a file"),
        ("occtl export $S --format markdown --children > talk.md", "read it, sub-agents included"),
    ],
    parse,
};

struct Args {
    session: String,
    options: ExportOptions,
    markdown: bool,
    output: Option<PathBuf>,
}

fn parse(words: &Words) -> Result<Action> {
    let args = Args {
        session: words.required(0)?,
        options: ExportOptions {
            conversation: words.value("session")?,
            children: words.has("children"),
        },
        markdown: words.text("format")? == "markdown",
        output: words.path("output"),
    };
    words.within(move |app| run(app, &args))
}

fn run(app: &mut App, args: &Args) -> Result<Exit> {
    let context = app.context()?;
    let Some(path) = &args.output else {
        if args.markdown && app.json {
            return Err(Error::usage("--json prints JSON, and --format markdown does not")
                .hint("-o FILE writes the Markdown to a file"));
        }
        let out = &mut app.out;
        hand_over(&context, args, &mut |text| {
            out.write(text)?;
            Ok(!out.is_closed())
        })?;
        return Ok(Exit::OK);
    };
    // Before the file is created, so that an interrupted export leaves nothing of it.
    context.catch_signals()?;
    let mut file = NewFile::create(path)?;
    let count = hand_over(&context, args, &mut |text| file.write(text).map(|()| true))?;
    finish(app, file, count)?;
    Ok(Exit::OK)
}

/// Hands the document over in pieces. Returns how many messages it has.
fn hand_over(
    context: &Context,
    args: &Args,
    write: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<usize> {
    let Args { session, options, .. } = args;
    if args.markdown {
        runner::conversation::transcript(context, session, options, &mut Markdown { write })
    } else {
        runner::conversation::export(context, session, options, write)
    }
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
