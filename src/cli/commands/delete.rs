use serde_json::json;

use crate::cli::App;
use crate::cli::output::print_all_but_last;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

pub const COMMAND: Command = Command {
    name: "delete",
    summary: "Delete conversations and those of their sub-agents",
    about: &["A deleted conversation cannot be restored; `occtl export` saves a copy. A busy \
         conversation is only deleted with --force, and one that another server of the same \
         directory works on only by that session."],
    operands: &[
        SESSION_TO_USE,
        Operand::required(
            "CONVERSATION",
            "The conversations to delete: ids (ses_…), or unique beginnings of ids",
        )
        .many(),
    ],
    flags: &[&[Flag::switch("force", Some('f'), "Abort a turn that is running first"), QUIET]],
    examples: &[
        ("occtl delete $S $C", "delete one conversation"),
        ("occtl export $S -s $C -o talk.json && occtl delete $S $C", "keep a copy of it"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let ids = words.rest(1)?;
    let force = words.has("force");
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| run(app, &session, &ids, force, quiet)))
}

/// Goes on after an error, so that one conversation does not keep the others from being deleted.
/// The last error is returned, because it sets the exit status; those before it are printed here.
fn run(app: &mut App, session: &str, ids: &[String], force: bool, quiet: bool) -> Result<Exit> {
    let context = app.context()?;
    let mut deleted = Vec::new();
    let mut trouble = Vec::new();
    for id in ids {
        match runner::conversation::delete(&context, session, id, force) {
            Ok(id) => {
                if !app.json {
                    app.out.done("Deleted", &id, quiet)?;
                }
                deleted.push(id);
            }
            Err(error) => trouble.push(error),
        }
    }
    if app.json {
        app.out.json(&json!({"deleted": deleted}))?;
    }
    print_all_but_last(trouble, app.json).map_or(Ok(Exit::OK), Err)
}
