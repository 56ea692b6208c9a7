use crate::cli::App;
use crate::cli::show::session;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::lifecycle::AdoptOptions;

pub const COMMAND: Command = Command {
    name: "adopt",
    summary: "Record a server that occtl did not start, so that every command works on it",
    about: &[
        "The server must answer and accept the password, which is read from --password-file or \
         else from $OPENCODE_SERVER_PASSWORD.",
        "`occtl stop` forgets an adopted session and leaves its server running. With --kill it \
         ends the server, if --pid was given here.",
    ],
    operands: &[Operand::required(
        "URL",
        "http://HOST:PORT; the server may run on another machine",
    )],
    flags: &[&[
        Flag::value("name", None, "NAME", "Name that can be used instead of the id"),
        Flag::value("pid", None, "PID", "Process id of the server"),
        Flag::value("password-file", None, "FILE", "File that holds the server's password")
            .may_be_stdin(),
        QUIET,
    ]],
    examples: &[
        ("occtl adopt $URL --name tui", "the server of a running TUI, http://HOST:PORT"),
        ("occtl adopt $URL --password-file password.txt", "with its password from a file"),
    ],
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
