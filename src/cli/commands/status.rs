use jiff::Timestamp;

use super::list::NO_GIT;
use crate::cli::App;
use crate::cli::output::one_line;
use crate::cli::show::{doing, session};
use crate::cli::spec::{Action, Command, Exit, SESSION_TO_READ};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::session::{SessionStatus, Uncommitted};

pub const COMMAND: Command = Command {
    name: "status",
    summary: "Show what one session is doing, and its uncommitted changes",
    about: &[
        "The states are running (a turn is going on), waiting_permission, waiting_question, idle, \
         starting, error (the process lives, but the server does not answer), dead, and elsewhere \
         (the server lives on another machine or in another container, and cannot be asked).",
        "The exit status is 0 whatever the state is. The state is the first word of the output, \
         and `state` in --json. While something goes on, a line for each busy conversation tells \
         which tool runs, and whether the provider is being tried again and why.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[NO_GIT]],
    examples: &[
        ("occtl status $S --json | jq -r .state", "only the state"),
        ("occtl status $S", "the state, and what is not committed"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let no_git = words.has("no-git");
    Ok(Box::new(move |app| run(app, &session, no_git)))
}

fn run(app: &mut App, session: &str, no_git: bool) -> Result<Exit> {
    let status = runner::session::status(&app.context()?, session, no_git)?;
    if app.json {
        let mut value = session::status(&status);
        value["uncommitted_changes"] = match &status.changes {
            Uncommitted::Known(files) => files.clone().into(),
            Uncommitted::Unknown => serde_json::Value::Null,
        };
        value["turns"] = status.doing.as_ref().map(|all| doing::documents(all)).into();
        app.out.json(&value)?;
    } else {
        print(app, &status)?;
    }
    Ok(Exit::OK)
}

fn print(app: &mut App, status: &SessionStatus) -> Result<()> {
    let facts = &status.facts;
    let state = app.out.paint(status.state.name(), session::colour(status.state));
    app.out.line(&format!("{state} {}", facts.id))?;
    if let Some(trouble) = &status.trouble {
        app.out.line(&format!("  Error: {}", one_line(trouble)))?;
    }
    for one in status.doing.iter().flatten() {
        let what = doing::in_words(one.retry.as_ref(), one.tool.as_ref());
        app.out.line(&format!("  Turn: {}: running{what}", one_line(&one.conversation)))?;
    }
    let ago = facts.last_active.and_then(|moment| session::ago(moment, Timestamp::now()));
    let ago = ago.filter(|_| app.out.is_terminal());
    let active = ago.unwrap_or_else(|| session::time(facts.last_active));
    let mut line =
        |label: &str, value: &str| app.out.line(&format!("  {label}: {}", one_line(value)));
    if let Some(name) = &facts.name {
        line("Name", name)?;
    }
    line("Port", &facts.port.to_string())?;
    line("PID", &facts.pid.map_or("-".into(), |pid| pid.to_string()))?;
    if let Some(agent) = &facts.agent {
        line("Agent", agent)?;
    }
    line("Workdir", facts.workdir.as_deref().unwrap_or("-"))?;
    line("Last activity", &active)?;
    match &status.changes {
        Uncommitted::Known(files) if files.is_empty() => app.out.line("  No uncommitted changes"),
        Uncommitted::Known(files) => {
            app.out.line(&format!("  Uncommitted changes ({}):", files.len()))?;
            files.iter().try_for_each(|file| app.out.line(&format!("    {}", one_line(file))))
        }
        Uncommitted::Unknown => app.out.line("  Uncommitted changes: unknown"),
    }
}
