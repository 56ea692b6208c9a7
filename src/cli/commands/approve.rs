use serde_json::json;

use crate::cli::App;
use crate::cli::output::{one_line, print_error};
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET, SESSION};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::asks::Reply;

/// The requests that are replied to.
pub const PERMISSIONS: Operand =
    Operand::optional("PERMISSION", "Ids, or unique beginnings of ids, with or without per_")
        .many();
/// All of them.
pub const ALL: Flag =
    Flag::switch("all", None, "Reply to every pending one of the session, sub-agents' included");

pub const COMMAND: Command = Command {
    name: "approve",
    summary: "Let turns do what they wait for",
    about: &["After the reply the list is read again; a request that is not in it is status 3."],
    operands: &[SESSION, PERMISSIONS],
    flags: &[&[
        Flag::switch("always", Some('a'), "The same needs no reply again while the server lives"),
        ALL,
        QUIET,
    ]],
    examples: &[
        ("occtl approve $S per_204f", "one, by the beginning of its id"),
        ("occtl approve $S --all", "whatever waits"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let (reply, said) = match words.has("always") {
        true => (Reply::Always, "Approved (always)"),
        false => (Reply::Once, "Approved (once)"),
    };
    action(words, reply, said)
}

/// What `approve` and `reject` have in common.
pub fn action(words: &Words, reply: Reply, said: &'static str) -> Result<Action> {
    let (session, ids) = (words.required(0)?, words.rest(1)?);
    let (all, quiet) = (words.has("all"), words.has("quiet"));
    match (all, ids.is_empty()) {
        (true, false) => Err(Error::usage("--all and a PERMISSION exclude each other")),
        (false, true) => {
            let name = words.command().name;
            Err(Error::usage(format!("occtl {name} needs a PERMISSION"))
                .hint("or --all for every pending one"))
        }
        _ => Ok(Box::new(move |app| {
            run(app, &session, (!all).then_some(&ids[..]), &reply, said, quiet)
        })),
    }
}

fn run(
    app: &mut App,
    session: &str,
    ids: Option<&[String]>,
    reply: &Reply,
    said: &str,
    quiet: bool,
) -> Result<Exit> {
    let mut replied = runner::asks::reply(&app.context()?, session, ids, reply)?;
    let last = replied.trouble.pop();
    for error in &replied.trouble {
        print_error(error, app.json);
    }
    if app.json {
        let row = |one: &runner::asks::PendingPermission| json!({"id": one.id, "conversation": one.conversation, "reply": reply.name()});
        let rows: Vec<_> = replied.done.iter().map(row).collect();
        app.out.json(&json!({"session": replied.session, "replied": rows}))?;
    } else if replied.done.is_empty() && last.is_none() && !quiet {
        app.out.line("No pending permissions")?;
    } else {
        for one in &replied.done {
            let id = one_line(&one.id);
            app.out.line(&if quiet { id } else { format!("{said}: {id}") })?;
        }
    }
    last.map_or(Ok(Exit::OK), Err)
}
