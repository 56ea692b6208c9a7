use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::say;
use crate::cli::show::turn::write_escaped;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, QUIET, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::{Code, Error, Result};
use crate::runner;
use crate::runner::conversation::{Last, ToolCall};

pub const COMMAND: Command = Command {
    name: "last",
    summary: "Print the newest answer, with the text of all its steps",
    about: &[
        "An answer has as many steps as the model was called, and each may have text. One that is \
         not complete, or that ended in an error, is said so on stderr; without any text the \
         status is 7. A summary that `compact` made and turns that `revert` took back do not \
         count.",
        "`occtl wait --turn` gives the status of a turn, `occtl tail` shows messages.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[CONVERSATION, QUIET], &[WITHIN]],
    examples: &[
        ("occtl last $S > answer.md", "keep the newest answer"),
        ("occtl last $S -s $C --json | jq -r .answer", "only the text of the last step"),
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
    let last = runner::conversation::last(&app.context()?, session, id)?;
    if app.json {
        app.out.json(&document(&last))?;
        return Ok(Exit::OK);
    }
    if quiet {
        app.out.line(&last.turn)?;
        return Ok(Exit::OK);
    }
    write_escaped(&mut app.out, &last.text)?;
    if !last.text.is_empty() && !last.text.ends_with('\n') {
        app.out.write("\n")?;
    }
    let turn = &last.turn;
    let trouble = match &last.error {
        Some(error) => Some(format!("turn {turn} ended in {}: {}", error.name, error.message)),
        None if !last.complete => Some(format!("the answer of turn {turn} is not complete")),
        None => None,
    };
    match trouble {
        Some(trouble) if last.text.is_empty() => Err(empty(&last, &trouble)),
        None if last.text.is_empty() => {
            Err(empty(&last, &format!("turn {turn} ended without any text")))
        }
        Some(trouble) => {
            say(&trouble);
            Ok(Exit::OK)
        }
        None => Ok(Exit::OK),
    }
}

/// The error for an answer of which there is nothing to print.
fn empty(last: &Last, why: &str) -> Error {
    let shown = format!("occtl tail {} -s {} shows it", last.session, last.conversation);
    Error::new(Code::Empty, why).hint(shown)
}

fn document(last: &Last) -> Value {
    let tool = |tool: &ToolCall| {
        json!({"name": tool.name, "status": tool.status, "title": tool.title,
               "duration_ms": tool.duration_ms})
    };
    json!({
        "session": last.session,
        "conversation": last.conversation,
        "turn": last.turn,
        "text": last.text,
        "answer": last.answer,
        "complete": last.complete,
        "error": last.error,
        "model": last.model,
        "agent": last.agent,
        "steps": last.steps,
        "tools": last.tools.iter().map(tool).collect::<Vec<_>>(),
        "created_at": last.created.map(|time| time.to_string()),
        "completed_at": last.completed.map(|time| time.to_string()),
    })
}
