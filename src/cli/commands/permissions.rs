use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::{Cell, one_line, print_all_but_last};
use crate::cli::spec::{Action, Command, Exit, Operand, QUIET, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::Purpose;
use crate::runner::asks::{PendingPermission, SessionPermissions};

pub const COMMAND: Command = Command {
    name: "permissions",
    summary: "Show the permissions that turns are waiting for",
    about: &[
        "The requests of sub-agents and of conversations in other directories are included. The \
         server lists the request of an aborted turn until it gets a reply: such a request is not \
         shown, unless it may still be waited for. `occtl reject` settles it by its id.",
    ],
    operands: &[Operand::optional("SESSION", "Id, unique prefix of an id, or name of a session")
        .absent("all sessions")
        .session(Purpose::Read)],
    flags: &[&[QUIET], &[WITHIN]],
    examples: &[
        ("occtl permissions $S", "the requests of one session"),
        ("occtl permissions -q $S", "ids for a loop"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.operand(0)?;
    let quiet = words.has("quiet");
    words.within(move |app| run(app, session.as_deref(), quiet))
}

fn run(app: &mut App, session: Option<&str>, quiet: bool) -> Result<Exit> {
    let context = app.context()?;
    let all = match session {
        Some(session) => vec![runner::asks::permissions(&context, session)?],
        None => runner::asks::all_permissions(&context)?,
    };
    let mut trouble = Vec::new();
    let mut found: Vec<(String, Vec<PendingPermission>)> = Vec::new();
    for SessionPermissions { session, permissions } in all {
        match permissions {
            Ok(permissions) => found.push((session, permissions)),
            // A server that does not answer must not hide the requests of the others.
            Err(mut error) => {
                error.message = format!("{session}: {}", error.message);
                trouble.push(error);
            }
        }
    }
    if app.json {
        let row = |session: &str, one: &PendingPermission| -> Value {
            json!({"id": one.id, "session": session, "conversation": one.conversation,
                   "directory": one.directory, "permission": one.permission,
                   "patterns": one.patterns})
        };
        let rows: Vec<Value> = found
            .iter()
            .flat_map(|(session, asks)| asks.iter().map(|one| row(session, one)))
            .collect();
        app.out.json(&json!({"permissions": rows}))?;
    } else if quiet {
        for one in found.iter().flat_map(|(_, asks)| asks) {
            app.out.line(&one_line(&one.id))?;
        }
    } else {
        print(app, session.is_some(), &found, !trouble.is_empty())?;
    }
    print_all_but_last(trouble, app.json).map_or(Ok(Exit::OK), Err)
}

fn print(
    app: &mut App,
    one_session: bool,
    found: &[(String, Vec<PendingPermission>)],
    failed: bool,
) -> Result<()> {
    if found.iter().all(|(_, asks)| asks.is_empty()) {
        if one_session {
            return app.out.line("No pending permissions");
        }
        // Nothing is known about the requests of a server that did not answer.
        return if failed { Ok(()) } else { app.out.line("No pending permissions in any session") };
    }
    for (session, asks) in found.iter().filter(|(_, asks)| !asks.is_empty()) {
        if !one_session {
            app.out.line(&format!("Session {session}:"))?;
        }
        let row = |one: &PendingPermission| {
            let patterns = Cell::lines(one.patterns.iter());
            vec![Cell::new(&one.id), Cell::new(&one.permission), patterns]
        };
        let rows: Vec<_> = asks.iter().map(row).collect();
        app.out.table(&["ID", "Type", "Commands"], &rows)?;
    }
    Ok(())
}
