use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::Cell;
use crate::cli::show::conversation;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::{Usage, UsageReport};
use crate::runner::turn::Tokens;

pub const COMMAND: Command = Command {
    name: "usage",
    summary: "Show the tokens and the cost of a conversation and its sub-agents",
    about: &[
        "The figures are sums over the messages. What a fork copied was paid for by its original, \
         and is not counted again.",
        "The cost of a step is not known if its model has no price, or if the provider did not \
         report what it used. A sum in which a step is missing is shown as `>` and what is known.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[CONVERSATION], &[WITHIN]],
    examples: &[("occtl usage $S --json | jq .total.cost_usd", "what it cost altogether")],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let id = words.value("session")?;
    words.within(move |app| run(app, &session, id.as_deref()))
}

fn run(app: &mut App, session: &str, id: Option<&str>) -> Result<Exit> {
    let report = runner::conversation::usage(&app.context()?, session, id)?;
    let UsageReport { session, total, conversations } = &report;
    if app.json {
        let rows: Vec<Value> = conversations.iter().map(document).collect();
        let mut sum = document(total);
        for name in ["conversation", "title", "parent"] {
            sum.as_object_mut().map(|fields| fields.remove(name));
        }
        app.out.json(&json!({"session": session, "conversation": total.id, "total": sum,
                             "conversations": rows}))?;
    } else {
        let mut rows: Vec<_> = conversations.iter().map(|usage| row(&usage.id, usage)).collect();
        if conversations.len() > 1 {
            rows.push(row("Total", total));
        }
        let headings = [
            "Session ID",
            "Title",
            "Steps",
            "Input",
            "Output",
            "Reasoning",
            "Cache read",
            "Cache write",
            "Cost",
        ];
        app.out.table(&headings, &rows)?;
    }
    Ok(Exit::OK)
}

fn document(usage: &Usage) -> Value {
    json!({"conversation": usage.id, "title": usage.title, "parent": usage.parent,
           "steps": usage.used.steps, "tokens": usage.used.tokens,
           "cost_usd": usage.used.cost_usd(), "cost_known_usd": usage.used.cost_known_usd})
}

fn row(name: &str, usage: &Usage) -> Vec<Cell> {
    let Tokens { input, output, reasoning, cache_read, cache_write } = usage.used.tokens;
    let mut cells = vec![
        Cell::new(name),
        conversation::title(usage.title.as_deref()),
        Cell::new(usage.used.steps.to_string()),
    ];
    let count = |count: Option<u64>| Cell::new(count.map_or("-".into(), |n| n.to_string()));
    cells.extend([input, output, reasoning, cache_read, cache_write].map(count));
    let cost = match (usage.used.cost_usd(), usage.used.cost_known_usd) {
        (Some(cost), _) => format!("${cost:.4}"),
        (None, Some(known)) => format!("> ${known:.4}"),
        (None, None) => "-".into(),
    };
    cells.push(Cell::new(cost));
    cells
}
