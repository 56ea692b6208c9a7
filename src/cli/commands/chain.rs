use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::Cell;
use crate::cli::show::conversation;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, QUIET, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::{Chain, Relation, Relative};

pub const COMMAND: Command = Command {
    name: "chain",
    summary: "Show a conversation (→), those above it and those of its sub-agents",
    about: &["Only a sub-agent's conversation has another one above it. A fork does not."],
    operands: &[SESSION_TO_READ],
    flags: &[&[CONVERSATION, QUIET], &[WITHIN]],
    examples: &[
        ("occtl chain $S -s $C", "see which conversation started which"),
        ("occtl chain $S -s $C -q", "their ids"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let id = words.value("session")?;
    let quiet = words.has("quiet");
    words.within(move |app| run(app, &session, id.as_deref(), quiet))
}

fn run(app: &mut App, session: &str, id: Option<&str>, quiet: bool) -> Result<Exit> {
    let Chain { session, conversations } =
        runner::conversation::chain(&app.context()?, session, id)?;
    if app.json {
        let row = |relative: &Relative| {
            let mut value = conversation::listed(&relative.conversation);
            value["relation"] = relative.relation.name().into();
            value
        };
        let rows: Vec<Value> = conversations.iter().map(row).collect();
        app.out.json(&json!({"session": session, "conversations": rows}))?;
    } else if quiet {
        conversations.iter().try_for_each(|relative| app.out.line(&relative.conversation.id))?;
    } else {
        let row = |Relative { relation, conversation: listed }: &Relative| {
            let mark = if *relation == Relation::Asked { "→" } else { " " };
            vec![
                Cell::new(format!("{mark} {}", listed.id)),
                conversation::title(listed.title.as_deref()),
                Cell::new(listed.parent.as_deref().unwrap_or("-")),
                conversation::time(listed.created),
            ]
        };
        let rows: Vec<_> = conversations.iter().map(row).collect();
        app.out.table(&["Session ID", "Title", "Parent", "Created"], &rows)?;
    }
    Ok(Exit::OK)
}
