use serde_json::json;

use crate::cli::App;
use crate::cli::output::{Cell, Colour};
use crate::cli::spec::{Action, Command, Exit, Flag};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::lifecycle::{DoctorOptions, Finding, Health};

pub const COMMAND: Command = Command {
    name: "doctor",
    summary: "Check the store, its sessions, their processes and files, and what occtl needs",
    about: &[
        "Prints each finding and what to do about it. The status is 1 if something is wrong.",
        "--fix ends the processes that dead sessions left, records running servers that the store \
         has lost, removes files that belong to no session, and closes the store and its directory \
         to other users. It never touches other stores, the processes of other users, or the \
         rights of a directory that holds other files or is shared on purpose (sticky or setgid).",
    ],
    operands: &[],
    flags: &[&[
        Flag::switch("fix", None, "Repair what is wrong"),
        Flag::switch(
            "forget-elsewhere",
            None,
            "Drop the records and files of sessions whose servers live on another machine or in \
             another container",
        )
        .needs(&["fix"]),
    ]],
    examples: &[
        ("occtl doctor --fix", "after a crash, a full disk or a kill -9"),
        ("occtl doctor", "see what is wrong"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let options =
        DoctorOptions { fix: words.has("fix"), forget_elsewhere: words.has("forget-elsewhere") };
    Ok(Box::new(move |app| run(app, options)))
}

fn run(app: &mut App, options: DoctorOptions) -> Result<Exit> {
    let findings = runner::lifecycle::doctor(&app.context()?, options)?;
    if app.json {
        let rows: Vec<_> = findings.iter().map(document).collect();
        app.out.json(&json!({"findings": rows}))?;
    } else {
        let rows: Vec<_> = findings.iter().map(row).collect();
        app.out.table(&["Check", "Which", "Status", "Found", "To do"], &rows)?;
    }
    let wrong = findings.iter().any(|one| one.health == Health::Bad);
    Ok(if wrong { Exit(1) } else { Exit::OK })
}

fn document(one: &Finding) -> serde_json::Value {
    json!({"check": one.check, "subject": one.subject, "status": one.health.name(),
           "detail": one.detail, "advice": one.advice})
}

fn row(one: &Finding) -> Vec<Cell> {
    let colour = match one.health {
        Health::Good => Colour::Green,
        Health::Warning | Health::Mended => Colour::Yellow,
        Health::Bad => Colour::Red,
    };
    vec![
        Cell::new(one.check),
        Cell::new(one.subject.as_deref().unwrap_or("-")),
        Cell::new(one.health.name()).colour(colour),
        Cell::new(&one.detail),
        Cell::new(one.advice.as_deref().unwrap_or("")),
    ]
}
