use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::one_line;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::TodoEntry;

pub const COMMAND: Command = Command {
    name: "todo",
    summary: "Show the to-do list that the model keeps",
    about: &["[x] is done, [~] is in progress, [-] was cancelled, and [ ] is still to do."],
    operands: &[SESSION_TO_READ],
    flags: &[&[CONVERSATION], &[WITHIN]],
    examples: &[
        ("occtl todo $S", "see how far the model is"),
        (
            "occtl todo $S --json | jq -r '.todos[] | select(.status == \"pending\") | .content'",
            "only what is to be done",
        ),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let id = words.value("session")?;
    words.within(move |app| run(app, &session, id.as_deref()))
}

fn run(app: &mut App, session: &str, id: Option<&str>) -> Result<Exit> {
    let list = runner::conversation::todos(&app.context()?, session, id)?;
    if app.json {
        let rows: Vec<Value> = list.entries.iter().map(row).collect();
        app.out.json(&json!({"session": list.session, "conversation": list.conversation,
                             "todos": rows}))?;
    } else if list.entries.is_empty() {
        app.out.line("Nothing to do")?;
    } else {
        for entry in &list.entries {
            let mark = match entry.status.as_str() {
                "completed" => "x",
                "in_progress" => "~",
                "cancelled" => "-",
                _ => " ",
            };
            app.out.line(&format!("[{mark}] {}", one_line(&entry.content)))?;
        }
    }
    Ok(Exit::OK)
}

fn row(TodoEntry { content, status, priority }: &TodoEntry) -> Value {
    json!({"content": content, "status": status, "priority": priority})
}
