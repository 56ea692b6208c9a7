use serde_json::{Value, json};

use crate::cli::output::print_all_but_last;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::asks::{PendingPermission, Replied, Reply};

/// The requests that get the reply.
pub const PERMISSIONS: Operand =
    Operand::optional("PERMISSION", "Ids or unique prefixes of ids, with or without per_").many();
/// Every request of the session gets the reply.
pub const ALL: Flag = Flag::switch(
    "all",
    None,
    "Reply to every request that occtl permissions shows, including those of sub-agents",
);

pub const COMMAND: Command = Command {
    name: "approve",
    summary: "Grant the permissions that turns are waiting for",
    about: &[
        "occtl checks that the server no longer lists the requests. The status is 3 if one of \
         them was not pending. A server that cannot list them needs whole ids.",
        "What --always grants comes after all other rules, in every conversation of the server's \
         directory: it lifts --deny for what it covers.",
    ],
    operands: &[SESSION_TO_USE, PERMISSIONS],
    flags: &[&[
        Flag::switch("always", Some('a'), "Also grant the same from now on, until the server ends"),
        ALL,
        QUIET,
    ]],
    examples: &[
        ("occtl approve $S per_204f", "one request, by a prefix of its id"),
        ("occtl approve $S --all", "all pending requests"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    if words.has("always") {
        action(words, || Ok(Reply::Always), "Approved (always)")
    } else {
        action(words, || Ok(Reply::Once), "Approved (once)")
    }
}

/// What `approve` and `reject` have in common. `reply` is called when the command may have effects.
pub fn action(
    words: &Words,
    reply: impl FnOnce() -> Result<Reply> + 'static,
    verb: &'static str,
) -> Result<Action> {
    let session = words.required(0)?;
    let ids = words.rest(1)?;
    let all = words.has("all");
    let quiet = words.has("quiet");
    if all && !ids.is_empty() {
        return Err(Error::usage("--all and a PERMISSION cannot be used together"));
    }
    if !all && ids.is_empty() {
        let name = words.command.name;
        return Err(Error::usage(format!("occtl {name} needs a PERMISSION"))
            .hint("or --all for every pending one"));
    }
    let ids = (!all).then_some(ids);
    Ok(Box::new(move |app| {
        let reply = reply()?;
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
    let rows: Vec<Value> = replied.done.iter().map(|one| row(one, reply)).collect();
    json!({"session": replied.session, "replied": rows})
}

fn row(one: &PendingPermission, reply: &Reply) -> Value {
    json!({"id": one.id, "conversation": one.conversation, "reply": reply.name()})
}
