use serde_json::{Value, json};

use crate::cli::output::{Cell, one_line};
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::session::Agent;

pub const COMMAND: Command = Command {
    name: "agents",
    summary: "Show the agents of a session's server",
    about: &["An agent whose mode is subagent can only be called by other agents."],
    operands: &[SESSION_TO_READ],
    flags: &[
        &[Flag::switch("all", None, "Include the agents that only the server itself uses"), QUIET],
        &[WITHIN],
    ],
    examples: &[
        ("occtl agents -q $S", "names for `send --agent`"),
        ("occtl agents $S --all", "those that only the server uses as well"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let all = words.has("all");
    let quiet = words.has("quiet");
    words.within(move |app| {
        let mut agents = runner::session::agents(&app.context()?, &session)?;
        agents.retain(|agent| all || agent.hidden != Some(true));
        if app.json {
            app.out.json(&json!({"agents": agents.iter().map(row).collect::<Vec<Value>>()}))?;
        } else if quiet {
            agents.iter().try_for_each(|agent| app.out.line(&one_line(&agent.name)))?;
        } else {
            let rows: Vec<_> = agents.iter().map(cells).collect();
            app.out.table(&["Agent", "Mode", "Model", "Description"], &rows)?;
        }
        Ok(Exit::OK)
    })
}

fn model(agent: &Agent) -> Option<String> {
    agent.model.as_ref().map(|model| format!("{}/{}", model.provider, model.model))
}

fn row(agent: &Agent) -> Value {
    json!({
        "name": agent.name, "mode": agent.mode, "description": agent.description,
        "native": agent.native, "hidden": agent.hidden.unwrap_or(false), "model": model(agent),
        "rules": agent.permission,
    })
}

fn cells(agent: &Agent) -> Vec<Cell> {
    vec![
        Cell::new(&agent.name),
        Cell::new(agent.mode.as_deref().unwrap_or("-")),
        Cell::new(model(agent).as_deref().unwrap_or("-")),
        Cell::new(agent.description.as_deref().unwrap_or("")).free(),
    ]
}
