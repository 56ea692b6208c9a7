use jiff::Zoned;
use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::Cell;
use crate::cli::show::{conversation, usage};
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, SESSION_TO_READ, WITHIN};
use crate::cli::words::{Day, Words};
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::conversation::{By, Missing, Period, Usage, UsageReport, UsageRow, UsageSince};

pub const COMMAND: Command = Command {
    name: "usage",
    summary: "Show the tokens and the cost of a conversation, or of all since a day",
    about: &[
        "The figures are sums over the messages, sub-agents included. What a fork copied was paid \
         for by its original, and is not counted again.",
        "The cost of a step is not known if its model has no price, or if the provider did not \
         report what it used. A sum in which a step is missing is shown as `>` and what is known.",
        "With --since all conversations in the directory of SESSION are counted, or without \
         SESSION those of all sessions, each once. Days are those of the local time zone. What \
         cannot be counted is named on stderr: the conversations of a server that is dead or \
         silent, and those with a prompt that this OpenCode cannot read back.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[
        &[CONVERSATION.excludes(&["since"], "--since counts all conversations")],
        &[
            Flag::value(
                "since",
                None,
                "DAY",
                "All conversations from this day on: 2026-11-30, \
                today, yesterday, or 7d for seven days ago",
            ),
            Flag::value("until", None, "DAY", "Through this day").absent("now").needs(&["since"]),
            Flag::value("by", None, "WHAT", "One row for each model, agent, day or session")
                .choices(&["model", "agent", "day", "session"])
                .default("day")
                .needs(&["since"]),
            WITHIN,
        ],
    ],
    examples: &[
        ("occtl usage $S --json | jq .total.cost_usd", "what it cost altogether"),
        ("occtl usage --since 7d --by model", "what each model has cost in a week"),
    ],
    parse,
};

/// The days of `--since` and `--until`, and what one row is for.
struct Span {
    since: Day,
    until: Option<Day>,
    by: By,
}

fn parse(words: &Words) -> Result<Action> {
    let id = words.value("session")?;
    let (until, by) = (words.day("until")?, by(&words.text("by")?));
    if let Some(since) = words.day("since")? {
        // Without a SESSION all are meant, and not the one of the working directory.
        let session = words.rest(0)?.pop();
        let span = Span { since, until, by };
        return words.within(move |app| run_since(app, session.as_deref(), &span));
    }
    let session = words.required(0)?;
    words.within(move |app| run(app, &session, id.as_deref()))
}

fn by(name: &str) -> By {
    match name {
        "model" => By::Model,
        "agent" => By::Agent,
        "session" => By::Session,
        _ => By::Day,
    }
}

fn run(app: &mut App, session: &str, id: Option<&str>) -> Result<Exit> {
    let report = runner::conversation::usage(&app.context()?, session, id)?;
    let UsageReport { session, total, conversations } = &report;
    if app.json {
        let rows: Vec<Value> = conversations.iter().map(document).collect();
        app.out.json(&json!({"session": session, "conversation": total.id,
                             "total": usage::document(&total.used), "conversations": rows}))?;
        return Ok(Exit::OK);
    }
    let row = |name: &str, usage: &Usage| {
        let mut cells = vec![Cell::new(name), conversation::title(usage.title.as_deref())];
        cells.extend(usage::cells(&usage.used));
        cells
    };
    let mut rows: Vec<_> = conversations.iter().map(|usage| row(&usage.id, usage)).collect();
    if conversations.len() > 1 {
        rows.push(row("Total", total));
    }
    let headings = [&["Session ID", "Title"][..], &usage::HEADINGS].concat();
    app.out.table(&headings, &rows)?;
    Ok(Exit::OK)
}

fn document(one: &Usage) -> Value {
    let mut value = usage::document(&one.used);
    value["conversation"] = one.id.clone().into();
    value["title"] = one.title.clone().into();
    value["parent"] = one.parent.clone().into();
    value
}

fn run_since(app: &mut App, session: Option<&str>, span: &Span) -> Result<Exit> {
    let now = Zoned::now();
    let date = |day: Day| day.date(now.date());
    let (since, until) = (date(span.since), span.until.map(date));
    let Some(period) = Period::of_days(since, until, now.time_zone()) else {
        let until = until.unwrap_or(since);
        return Err(Error::usage(format!("there is no time from {since} through {until}")));
    };
    let used = runner::conversation::usage_since(&app.context()?, session, &period, span.by)?;
    let UsageSince { rows, total, missing } = &used;
    let (name, heading) = match span.by {
        By::Model => ("model", "Model"),
        By::Agent => ("agent", "Agent"),
        By::Day => ("day", "Day"),
        By::Session => ("session", "Session"),
    };
    if app.json {
        let row = |row: &UsageRow| {
            let mut value = usage::document(&row.used);
            value["key"] = row.key.clone().into();
            value
        };
        app.out.json(&json!({
            "since": period.since.to_string(),
            "until": period.until.map(|until| until.to_string()),
            "by": name,
            "rows": rows.iter().map(row).collect::<Vec<_>>(),
            "total": usage::document(total),
            "missing": missing.iter().map(lost).collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::OK);
    }
    let line = |key: &str, used| {
        let mut cells = vec![Cell::new(key)];
        cells.extend(usage::cells(used));
        cells
    };
    let key = |row: &UsageRow| row.key.clone().unwrap_or_else(|| "-".into());
    let mut lines: Vec<_> = rows.iter().map(|row| line(&key(row), &row.used)).collect();
    lines.push(line("Total", total));
    app.out.table(&[&[heading][..], &usage::HEADINGS].concat(), &lines)?;
    Ok(Exit::OK)
}

fn lost(one: &Missing) -> Value {
    json!({"session": one.session, "conversation": one.conversation, "reason": one.why})
}
