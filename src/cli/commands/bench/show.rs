use std::path::PathBuf;

use serde_json::{Value, json};

use super::status::DIRECTORY;
use crate::bench::batch::{self, Shown};
use crate::cli::App;
use crate::cli::output::{escape, one_line};
use crate::cli::show::bench::outcome;
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;

pub const COMMAND: Command = Command {
    name: "bench show",
    summary: "Show one run: prompt, steps, tools, changes, check",
    about: &["The attempts are listed, and the newest is shown. Its files, with the whole \
         transcript and the server's log, are where the last line says."],
    operands: &[
        DIRECTORY,
        Operand::required("RUN", "The run: its id, the beginning of it, or TASK/ARM/REPEAT"),
    ],
    flags: &[],
    examples: &[
        ("occtl bench show results leap/stable/1", "one run"),
        (
            "occtl bench show results leap/stable/1 --json | jq .result",
            "its line of results-1-of-1.jsonl",
        ),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let directory: PathBuf = words.required(0)?.into();
    let run = words.required(1)?;
    Ok(Box::new(move |app| {
        let shown = batch::show(&directory, &run)?;
        print(app, &shown)
    }))
}

fn print(app: &mut App, shown: &Shown) -> Result<Exit> {
    if app.json {
        let value = json!({
            "prompt": shown.prompt, "attempts": shown.attempts.len(), "result": shown.line,
            "turn": shown.turn, "patch": shown.patch, "check": shown.check,
            "notes": shown.notes,
            "files": shown.place,
        });
        app.out.json(&value)?;
        return Ok(Exit::OK);
    }
    if shown.attempts.is_empty() {
        app.out.line("it has not run yet")?;
    }
    for row in &shown.attempts {
        let recheck = row.recheck_of.map_or(String::new(), |number| format!(" (recheck {number})"));
        app.out.line(&format!("{}{recheck}", one_line(&outcome(row))))?;
    }
    section(app, "prompt", Some(&shown.prompt))?;
    let tools = shown.turn["tools"].as_array().map(|tools| {
        let lines: Vec<String> = tools.iter().map(tool).collect();
        lines.join("\n")
    });
    section(app, "tools", tools.as_deref())?;
    section(app, "answer", shown.turn["answer"].as_str())?;
    section(app, "changes", shown.patch.as_deref())?;
    section(app, "check", shown.check.as_deref())?;
    section(app, "not counted", shown.notes.as_deref())?;
    section(app, "files", shown.place.as_deref())?;
    Ok(Exit::OK)
}

/// One tool call: its name, how it ended, and what it says that it does.
fn tool(tool: &Value) -> String {
    let word = |key: &str| tool[key].as_str().unwrap_or_default();
    let mut text = format!("{} {}", word("name"), word("status"));
    if let Some(title) = tool["title"].as_str().filter(|title| !title.is_empty()) {
        text += &format!(": {}", one_line(title));
    }
    text
}

/// A part with its heading; nothing for a part that is not there or empty.
fn section(app: &mut App, heading: &str, text: Option<&str>) -> Result<()> {
    let Some(text) = text.map(str::trim_end).filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    app.out.line(&format!("\n== {heading}\n{}", escape(text)))
}
