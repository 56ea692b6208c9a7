use serde_json::{Value, json};

use crate::cli::output::print_all_but_last;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET, SESSION};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::asks::{PendingPermission, Replied, Reply};

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
    if words.has("always") {
        action(words, Reply::Always, "Approved (always)")
    } else {
        action(words, Reply::Once, "Approved (once)")
    }
}

/// What `approve` and `reject` have in common.
pub fn action(words: &Words, reply: Reply, verb: &'static str) -> Result<Action> {
    let session = words.required(0)?;
    let ids = words.rest(1)?;
    let all = words.has("all");
    let quiet = words.has("quiet");
    if all && !ids.is_empty() {
        return Err(Error::usage("--all and a PERMISSION exclude each other"));
    }
    if !all && ids.is_empty() {
        let name = words.command().name;
        return Err(Error::usage(format!("occtl {name} needs a PERMISSION"))
            .hint("or --all for every pending one"));
    }
    let ids = (!all).then_some(ids);
    Ok(Box::new(move |app| {
        let mut replied = runner::asks::reply(&app.context()?, &session, ids.as_deref(), &reply)?;
        let last = print_all_but_last(std::mem::take(&mut replied.trouble), app.json);
        if app.json {
            app.out.json(&document(&replied, &reply))?;
        } else if replied.done.is_empty() && last.is_none() && !quiet {
            app.out.line("No pending permissions")?;
        } else {
            replied.done.iter().try_for_each(|one| app.out.done(verb, &one.id, quiet))?;
        }
        last.map_or(Ok(Exit::OK), Err)
    }))
}

fn document(replied: &Replied, reply: &Reply) -> Value {
    let row = |one: &PendingPermission| json!({"id": one.id, "conversation": one.conversation, "reply": reply.name()});
    let rows: Vec<Value> = replied.done.iter().map(row).collect();
    json!({"session": replied.session, "replied": rows})
}
