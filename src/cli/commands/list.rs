use serde_json::json;

use crate::cli::App;
use crate::cli::output::{Cell, Colour};
use crate::cli::session;
use crate::cli::spec::{Action, Command, Exit, QUIET};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner::{self, Look};

pub const COMMAND: Command = Command {
    name: "list",
    summary: "List sessions, what they are doing and whether they have uncommitted changes",
    about: &[
        "Every server is asked, with a short limit each; one that does not answer is in state `error`, one whose process is gone is `dead`.",
        "Dirty is ✓ for uncommitted changes, ✗ for none, and - where git cannot tell.",
    ],
    operands: &[],
    flags: &[QUIET],
    examples: &[(
        "occtl list --json | jq -r '.sessions[] | select(.state == \"idle\") | .id'",
        "the idle ones",
    )],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let quiet = words.set("quiet");
    Ok(Box::new(move |app| run(app, quiet)))
}

fn run(app: &mut App, quiet: bool) -> Result<Exit> {
    let context = app.context()?;
    if quiet && !app.json {
        for id in runner::all_ids(&context)? {
            app.out.line(&id)?;
        }
        return Ok(Exit::OK);
    }
    let looks = runner::list(&context)?;
    if app.json {
        let sessions: Vec<_> = looks.iter().map(session::look).collect();
        app.out.json(&json!({"sessions": sessions}))?;
    } else if looks.is_empty() {
        app.out.line("No active sessions")?;
    } else {
        let rows: Vec<_> = looks.iter().map(row).collect();
        let headings = ["ID", "Port", "PID", "Status", "Agent", "Dirty", "Last Activity"];
        app.out.table(&headings, &rows)?;
    }
    Ok(Exit::OK)
}

fn row(look: &Look) -> Vec<Cell> {
    let facts = &look.facts;
    let (dirty, colour) = match look.changes.dirty() {
        Some(true) => ("✓", Colour::Yellow),
        Some(false) => ("✗", Colour::Plain),
        None => ("-", Colour::Plain),
    };
    vec![
        Cell::new(&facts.id),
        Cell::new(facts.port.to_string()),
        Cell::new(facts.pid.map_or("-".into(), |pid| pid.to_string())),
        Cell::new(look.state.name()).colour(session::colour(look.state)),
        Cell::new(facts.agent.as_deref().unwrap_or("-")),
        Cell::new(dirty).colour(colour),
        Cell::new(session::time(facts.last_active)),
    ]
}
