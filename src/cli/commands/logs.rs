use serde_json::json;

use crate::cli::App;
use crate::cli::output::escape;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::{Words, wrong_value};
use crate::error::{Code, Result};
use crate::runner;
use crate::runner::Purpose;
use crate::runner::session::{LEVELS, LogLine, LogOptions};

pub const COMMAND: Command = Command {
    name: "logs",
    summary: "Show the last lines of OpenCode's log, or of what a session's server printed",
    about: &[
        "OpenCode's log is in opencode/log below $XDG_DATA_HOME, or else below ~/.local/share. \
         OpenCode 1.18 writes one file, older versions write one per start.",
        "A PATTERN that starts with oc- and is the id of a session, or a unique prefix of one, \
         shows what the server of that session printed, as --session does.",
        "The status is 1 if no line was found.",
    ],
    operands: &[Operand::optional(
        "PATTERN",
        "Only lines that contain this, in upper or lower case",
    )
    .session(Purpose::Read)],
    flags: &[&[
        Flag::switch("follow", Some('f'), "Keep showing lines as they are written"),
        Flag::value("lines", Some('n'), "N", "How many lines to show at most").default("50"),
        Flag::value("level", Some('l'), "LEVEL", "Only this level: DEBUG, INFO, WARN or ERROR"),
        Flag::switch("all", Some('a'), "All log files, not only the newest"),
        Flag::value("session", None, "SESSION", "Show what this session's server printed"),
    ]],
    examples: &[
        ("occtl logs -l ERROR -n 5", "the last errors"),
        ("occtl logs $S", "what a session's server printed"),
        ("occtl logs -f permission", "lines about permissions as they are written"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let level = words.value("level")?.map(|level| level.to_uppercase());
    if let Some(level) = level.as_deref().filter(|level| !LEVELS.contains(level)) {
        let accepted = format!("one of {}", LEVELS.join(", "));
        return Err(wrong_value("--level", level, &accepted));
    }
    let options = LogOptions {
        pattern: words.operand(0)?,
        session: words.value("session")?,
        follow: words.has("follow"),
        lines: words.count("lines")?,
        level,
        all: words.has("all"),
    };
    Ok(Box::new(move |app| run(app, options)))
}

fn run(app: &mut App, mut options: LogOptions) -> Result<Exit> {
    let context = app.context()?;
    if options.session.is_none()
        && let Some(word) = &options.pattern
        && runner::session::names_session(&context, word)?
    {
        options.session = options.pattern.take();
    }
    let out = &mut app.out;
    let json = app.json;
    let shown = runner::session::logs(&context, &options, &mut |line| {
        match line {
            Some(line) if json => {
                let line = LogLine::parse(line);
                out.json(&json!({"time": line.time, "level": line.level, "service": line.service,
                                 "message": line.message, "line": line.line}))?;
            }
            Some(line) => out.line(&escape(line))?,
            None => {}
        }
        Ok(!out.is_closed())
    })?;
    Ok(Exit(if shown > 0 || out.is_closed() { 0 } else { Code::Failed.exit() }))
}
