use serde_json::json;

use crate::cli::App;
use crate::cli::output::print_error;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET, SESSION};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;

pub const COMMAND: Command = Command {
    name: "delete",
    summary: "Delete conversations, with their sub-agents'",
    about: &[
        "Nothing brings a deleted conversation back; occtl export keeps a copy. A busy one is not deleted without --force.",
    ],
    operands: &[
        SESSION,
        Operand::required("CONVERSATION", "The conversations to delete (ses_…)").many(),
    ],
    flags: &[&[Flag::switch("force", Some('f'), "Abort a turn that is going on"), QUIET]],
    examples: &[("occtl delete $S $C", "one conversation")],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let (session, ids) = (words.required(0)?, words.rest(1)?);
    let (force, quiet) = (words.has("force"), words.has("quiet"));
    Ok(Box::new(move |app| run(app, &session, &ids, force, quiet)))
}

/// One that cannot be deleted does not keep the others; trouble with the last one gives the status.
fn run(app: &mut App, session: &str, ids: &[String], force: bool, quiet: bool) -> Result<Exit> {
    let context = app.context()?;
    let mut deleted = Vec::new();
    let mut trouble: Option<Error> = None;
    for id in ids {
        match runner::conversation::delete(&context, session, id, force) {
            Ok(()) => {
                if !app.json {
                    let label = if quiet { "" } else { "Deleted: " };
                    app.out.line(&format!("{label}{id}"))?;
                }
                deleted.push(id);
            }
            Err(error) => {
                if let Some(earlier) = trouble.replace(error) {
                    print_error(&earlier, app.json);
                }
            }
        }
    }
    if app.json {
        app.out.json(&json!({"deleted": deleted}))?;
    }
    trouble.map_or(Ok(Exit::OK), Err)
}
