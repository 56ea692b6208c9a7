use crate::cli::App;
use crate::cli::show::session;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::lifecycle::AdoptOptions;

pub const COMMAND: Command = Command {
    name: "adopt",
    summary: "Record a server that somebody else started, so that every command works on it",
    about: &[
        "The server must answer and take the password, which is read from --password-file or from $OPENCODE_SERVER_PASSWORD. `stop` forgets the session and leaves the server alone, unless --kill is given and its --pid is known.",
    ],
    operands: &[Operand::required("URL", "http://HOST:PORT; other hosts than this one work, too")],
    flags: &[&[
        Flag::value("name", None, "NAME", "A name to use instead of the id"),
        Flag::value("pid", None, "PID", "The server's process"),
        Flag::value("password-file", None, "FILE", "A file with the password"),
        QUIET,
    ]],
    examples: &[("occtl adopt http://127.0.0.1:4096 --name tui", "the server of a running TUI")],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let options = AdoptOptions {
        url: words.required(0)?,
        name: words.value("name")?,
        pid: words.whole_number("pid")?,
        password_file: words.path("password-file"),
    };
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| run(app, &options, quiet)))
}

fn run(app: &mut App, options: &AdoptOptions, quiet: bool) -> Result<Exit> {
    let adopted = runner::lifecycle::adopt(&app.context()?, options)?;
    if app.json {
        app.out.json(&session::facts(&adopted))?;
    } else if quiet {
        app.out.line(&adopted.id)?;
    } else {
        app.out.line(&format!("Adopted session: {}", adopted.id))?;
        app.out.line(&format!("  URL: {}", adopted.url))?;
    }
    Ok(Exit::OK)
}
