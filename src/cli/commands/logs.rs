use serde_json::json;

use crate::cli::App;
use crate::cli::output::escape;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::{Words, wrong_choice};
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::session::{LEVELS, LogLine, LogOptions};
use crate::runner::{Context, DEFAULT_SESSION, Purpose};

pub const COMMAND: Command = Command {
    name: "logs",
    summary: "Show the last lines of OpenCode's log, or of what a session's server printed",
    about: &[
        "OpenCode's log is in opencode/log below $XDG_DATA_HOME, or else below ~/.local/share. \
         OpenCode 1.18 writes one file, older versions write one per start.",
        "A WORD that begins with oc-, or is the name of a session, or a dot, means that session, \
         as with --session, and stderr says so: what its server printed is shown, and OpenCode's \
         own log if the session is isolated. Any other WORD is searched for, and --search always \
         searches.",
        "The status is 1 if no line was found; stderr says where it was looked for.",
    ],
    operands: &[Operand::optional(
        "WORD",
        "A session whose log is shown, or else what the lines must contain, as with --search",
    )
    .session(Purpose::Read)],
    flags: &[&[
        Flag::switch("follow", Some('f'), "Keep showing lines as they are written"),
        Flag::value("lines", Some('n'), "N", "How many lines to show at most").default("50"),
        Flag::value("level", Some('l'), "LEVEL", "Only this level: DEBUG, INFO, WARN or ERROR"),
        Flag::switch("all", Some('a'), "All log files, not only the newest"),
        Flag::value("session", None, "SESSION", "Show what this session's server printed"),
        Flag::value("search", None, "TEXT", "Only lines that contain this, in upper or lower case"),
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
        return Err(wrong_choice("--level", level, &LEVELS));
    }
    let options = LogOptions {
        pattern: words.value("search")?,
        session: words.value("session")?,
        follow: words.has("follow"),
        lines: words.count("lines")?,
        level,
        all: words.has("all"),
    };
    let word = words.operand(0)?;
    if word.is_some() && options.session.is_some() && options.pattern.is_some() {
        return Err(Error::usage("a WORD, --session and --search cannot be used together")
            .hint("--session says which log, --search says what to look for"));
    }
    Ok(Box::new(move |app| run(app, word, options)))
}

/// Sets what a word means: a session, or what to search for.
fn take_word(app: &App, context: &Context, word: String, options: &mut LogOptions) -> Result<()> {
    if options.session.is_some() {
        options.pattern = Some(word);
        return Ok(());
    }
    match runner::session::named_session(context, &word)? {
        Some(id) => {
            // A dot can hardly be meant as text.
            let other = match &*word {
                DEFAULT_SESSION => String::new(),
                word => format!("; --search {word} looks for the word"),
            };
            app.say(&format!("the log of session {id}{other}"));
            options.session = Some(id);
        }
        None if options.pattern.is_some() => {
            return Err(Error::usage(format!("{word} is no session"))
                .hint("--search already says what to look for"));
        }
        None => options.pattern = Some(word),
    }
    Ok(())
}

fn run(app: &mut App, word: Option<String>, mut options: LogOptions) -> Result<Exit> {
    let context = app.context()?;
    if let Some(word) = word {
        take_word(app, &context, word, &mut options)?;
    }
    let out = &mut app.out;
    let json = app.json;
    runner::session::logs(&context, &options, &mut |line| {
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
    Ok(Exit::OK)
}
