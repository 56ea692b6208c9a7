use serde_json::json;

use crate::cli::App;
use crate::cli::output::Cell;
use crate::cli::show::conversation;
use crate::cli::spec::{Action, Command, Exit, QUIET, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::ConversationList;

pub const COMMAND: Command = Command {
    name: "sessions",
    summary: "List all conversations of a session, the last changed first",
    about: &[
        "All conversations in the session's directory are listed. Those of sub-agents are among \
         them; in --json they have a parent.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[QUIET], &[WITHIN]],
    examples: &[
        (
            "occtl sessions $S --json | jq -r '.conversations[] | select(.parent == null) | .id'",
            "ids without those of sub-agents",
        ),
        ("occtl sessions $S -q | head -1", "the one that changed last"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let quiet = words.has("quiet");
    words.within(move |app| run(app, &session, quiet))
}

fn run(app: &mut App, session: &str, quiet: bool) -> Result<Exit> {
    let ConversationList { session, conversations } =
        runner::conversation::sessions(&app.context()?, session)?;
    if app.json {
        // Written one at a time, because there may be thousands.
        app.out.write(&format!("{{\"session\":{},\"conversations\":[", json!(session)))?;
        for (index, one) in conversations.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            app.out.write(&format!("{comma}{}", conversation::listed(one)))?;
        }
        app.out.line("]}")?;
    } else if quiet {
        conversations.iter().try_for_each(|one| app.out.line(&one.id))?;
    } else if conversations.is_empty() {
        app.out.line("No conversations")?;
    } else {
        app.out.long_table(&["Session ID", "Title", "Updated"], &|row| {
            conversations.iter().try_for_each(|one| {
                let title = conversation::title(one.title.as_deref());
                row(&[Cell::new(&one.id), title, conversation::time(one.updated)])
            })
        })?;
    }
    Ok(Exit::OK)
}
