use serde_json::json;

use crate::cli::App;
use crate::cli::output::print_error;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;

pub const COMMAND: Command = Command {
    name: "stop",
    summary: "Stop sessions and everything that they started",
    about: &[
        "The server and every process that carries the session's OPENCODE_SESSION_ID get SIGTERM, after five seconds SIGKILL. The session is forgotten once all of them are gone and the port is free.",
    ],
    operands: &[Operand::optional("SESSION", "Ids, unique beginnings of ids, or names").many()],
    flags: &[
        Flag::switch("all", None, "Stop all sessions"),
        Flag::switch("force", Some('f'), "Use SIGKILL at once"),
        QUIET,
    ],
    examples: &[("occtl stop $S", "one session"), ("occtl stop --all", "all of them")],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let sessions = words.rest(0)?;
    let (all, force, quiet) = (words.set("all"), words.set("force"), words.set("quiet"));
    match (all, sessions.is_empty()) {
        (true, false) => Err(Error::usage("--all and a SESSION exclude each other")),
        (false, true) => {
            Err(Error::usage("occtl stop needs a SESSION").hint("or --all for all of them"))
        }
        _ => Ok(Box::new(move |app| run(app, &sessions, force, quiet))),
    }
}

/// One that cannot be stopped does not keep the others running; trouble with the last one gives the status.
fn run(app: &mut App, sessions: &[String], force: bool, quiet: bool) -> Result<Exit> {
    let context = app.context()?;
    let everything = sessions.is_empty();
    let sessions = if everything { runner::all_ids(&context)? } else { sessions.to_vec() };
    let mut stopped = Vec::new();
    let mut trouble: Option<Error> = None;
    for session in &sessions {
        match runner::stop(&context, session, force) {
            Ok(done) => {
                if !app.json && quiet {
                    app.out.line(&done.id)?;
                } else if !app.json {
                    let note = if done.was_dead { " (was already dead)" } else { "" };
                    app.out.line(&format!("Stopped: {}{note}", done.id))?;
                }
                stopped.push(done);
            }
            // Somebody else was quicker, and it is gone as it should be.
            Err(error) if everything && error.code == crate::error::Code::NotFound => {}
            // The last one is returned, and printed by whoever prints errors.
            Err(error) => {
                if let Some(earlier) = trouble.replace(error) {
                    print_error(&earlier, app.json);
                }
            }
        }
    }
    if app.json {
        let rows: Vec<_> = stopped
            .iter()
            .map(|one| {
                json!({"id": one.id, "was_dead": one.was_dead, "processes": one.processes,
                       "killed": one.killed})
            })
            .collect();
        app.out.json(&json!({"stopped": rows}))?;
    } else if everything && stopped.is_empty() && trouble.is_none() && !quiet {
        app.out.line("No active sessions")?;
    }
    trouble.map_or(Ok(Exit::OK), Err)
}
