use serde_json::json;

use crate::cli::App;
use crate::cli::output::one_line;
use crate::cli::spec::{Action, Command, Exit, QUIET, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::asks::PendingQuestion;

pub const COMMAND: Command = Command {
    name: "questions",
    summary: "Show the questions that the models of a session ask",
    about: &[
        "Models can only ask if the server runs with OPENCODE_ENABLE_QUESTION_TOOL=1. `occtl \
         answer` answers a question.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[QUIET], &[WITHIN]],
    examples: &[
        ("occtl questions $S", "see what a model wants to know"),
        ("occtl questions $S -q | head -1", "the id of the first of them"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let quiet = words.has("quiet");
    words.within(move |app| run(app, &session, quiet))
}

fn run(app: &mut App, session: &str, quiet: bool) -> Result<Exit> {
    let questions = runner::asks::questions(&app.context()?, session)?;
    if app.json {
        let row = |one: &PendingQuestion| {
            json!({"id": one.id, "session": one.session, "conversation": one.conversation,
                   "directory": one.directory, "questions": one.questions})
        };
        let rows: Vec<_> = questions.iter().map(row).collect();
        app.out.json(&json!({"questions": rows}))?;
    } else if quiet {
        questions.iter().try_for_each(|one| app.out.line(&one_line(&one.id)))?;
    } else if questions.is_empty() {
        app.out.line("No pending questions")?;
    } else {
        questions.iter().try_for_each(|one| print(app, one))?;
    }
    Ok(Exit::OK)
}

fn print(app: &mut App, asked: &PendingQuestion) -> Result<()> {
    app.out.line(&one_line(&asked.id))?;
    for question in &asked.questions {
        let many = if question.multiple == Some(true) { " (several may be chosen)" } else { "" };
        app.out.line(&format!("  {}{many}", one_line(&question.question)))?;
        for option in &question.options {
            let line = if option.description.is_empty() {
                option.label.clone()
            } else {
                format!("{}: {}", option.label, option.description)
            };
            app.out.line(&format!("    - {}", one_line(&line)))?;
        }
    }
    Ok(())
}
