use serde_json::json;

use crate::cli::spec::{Action, Command, Exit, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

pub const COMMAND: Command = Command {
    name: "touch",
    summary: "Note that a session was used just now, so that cleanup leaves it alone",
    about: &[
        "The server is not asked. send, abort, approve, reject, answer, fork and attach do the \
         same.",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[&[QUIET]],
    examples: &[
        ("occtl touch $S", "keep a session for a while longer"),
        ("occtl list -q | xargs -n 1 occtl touch", "keep all of them"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| {
        let touched = runner::session::touch(&app.context()?, &session)?;
        if app.json {
            let last_active = touched.last_active.map(|moment| moment.to_string());
            app.out.json(&json!({"id": touched.id, "last_activity": last_active}))?;
        } else {
            app.out.done("Updated activity", &touched.id, quiet)?;
        }
        Ok(Exit::OK)
    }))
}
