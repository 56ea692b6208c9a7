use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::{escape, one_line};
use crate::cli::show::{doing, usage};
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::{FileDiff, Member, PendingAsk, Summary};
use crate::runner::turn::Tokens;

/// How much of the last text is shown on a terminal, in characters.
const SHOWN: usize = 500;

pub const COMMAND: Command = Command {
    name: "summary",
    summary: "Show where a conversation and its sub-agents stand",
    about: &[
        "The first word is the state of the conversation together with its sub-agents: running, \
         waiting_permission, waiting_question, idle, or unfinished (the newest answer is not \
         complete, and no server that occtl knows works on it). A conversation is not idle while \
         a sub-agent works, or the server of another session of its directory.",
        "Then follow the current step and tool, the to-do list, what is asked for, tokens and \
         cost of all of them, the files that turns which are over changed, and the last text of \
         the model. On a terminal that text is cut at 500 characters.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[CONVERSATION], &[WITHIN]],
    examples: &[
        ("occtl summary $S", "how far the newest conversation is"),
        ("occtl summary $S -s $C --json | jq -r .state", "only the state"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let id = words.value("session")?;
    words.within(move |app| run(app, &session, id.as_deref()))
}

fn run(app: &mut App, session: &str, id: Option<&str>) -> Result<Exit> {
    let summary = runner::conversation::summary(&app.context()?, session, id)?;
    if app.json {
        app.out.json(&document(&summary))?
    } else {
        print(app, &summary)?
    }
    Ok(Exit::OK)
}

fn document(summary: &Summary) -> Value {
    let done = summary.todo.entries.iter().filter(|entry| entry.status == "completed").count();
    let current = summary.todo.entries.iter().find(|entry| entry.status == "in_progress");
    let ask = |ask: &PendingAsk| {
        json!({"id": ask.id, "conversation": ask.conversation, "permission": ask.permission,
               "what": ask.what})
    };
    let file =
        |file: &FileDiff| json!({"path": file.path, "added": file.added, "removed": file.removed});
    let mut value = member(&summary.root);
    value["session"] = summary.session.clone().into();
    value["state"] = summary.stand.name().into();
    value["worker"] = summary.worker.clone().into();
    value["model"] = json!(summary.root.model);
    value["error"] = json!(summary.root.error);
    value["last_text"] = summary.root.last_text.clone().into();
    value["sub_agents"] = summary.sub_agents.iter().map(member).collect();
    value["todo"] = json!({"total": summary.todo.entries.len(), "done": done,
                           "current": current.map(|entry| &entry.content)});
    value["asks"] = summary.asks.iter().map(ask).collect();
    value["used"] = usage::document(&summary.used);
    value["files"] = summary.files.iter().map(file).collect();
    value
}

fn member(one: &Member) -> Value {
    json!({"conversation": one.id, "title": one.title, "parent": one.parent,
           "state": one.stand.name(), "turn": one.turn, "step": one.step, "agent": one.agent,
           "retry": one.retry.as_ref().map(doing::retry),
           "tool": one.tool.as_ref().map(doing::tool)})
}

fn print(app: &mut App, summary: &Summary) -> Result<()> {
    let root = &summary.root;
    app.out.line(&format!("{} {}", summary.stand.name(), one_line(&root.id)))?;
    for (label, value) in standing(summary).into_iter().chain(results(summary)) {
        app.out.line(&format!("  {label}: {}", one_line(&value)))?;
    }
    if let Some(text) = &root.last_text {
        let cut = app.out.is_terminal().then(|| text.char_indices().nth(SHOWN)).flatten();
        let shown = cut.map_or(text.as_str(), |(end, _)| &text[..end]);
        let mark = if cut.is_some() { "…" } else { "" };
        app.out.line(&format!("\n{}{mark}", escape(shown.trim_end())))?;
    }
    Ok(())
}

/// What is going on, as labels and values.
fn standing(summary: &Summary) -> Vec<(&'static str, String)> {
    let Summary { root, session, worker, .. } = summary;
    let mut lines = vec![("Session", session.clone())];
    let other = worker.clone().filter(|worker| worker != session);
    lines.extend(other.map(|other| ("Worked on by", other)));
    lines.extend(root.title.clone().map(|title| ("Title", title)));
    let turn = root.turn.as_ref().map(|turn| format!("{turn}, step {}", root.step));
    lines.extend(turn.map(|turn| ("Turn", turn)));
    let now = |one: &Member| doing::in_words(one.retry.as_ref(), one.tool.as_ref());
    lines.extend(now(root).strip_prefix(", ").map(|now| ("Now", now.to_string())));
    lines.extend(root.error.as_ref().map(|error| ("Error", error.shown())));
    for one in &summary.sub_agents {
        let title = one.title.as_deref().map(|title| format!(" ({title})")).unwrap_or_default();
        let what = format!("{}{title}: {}{}", one.id, one.stand.name(), now(one));
        lines.push(("Sub-agent", what));
    }
    for ask in &summary.asks {
        let permission = ask.permission.as_deref().unwrap_or("question");
        lines.push(("Asks", format!("{} {permission}: {}", ask.id, ask.what.join(" · "))));
    }
    lines
}

/// What has come of it, as labels and values.
fn results(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let entries = &summary.todo.entries;
    if !entries.is_empty() {
        let done = entries.iter().filter(|entry| entry.status == "completed").count();
        let current = entries.iter().find(|entry| entry.status == "in_progress");
        let current = current.map(|entry| format!(", now: {}", entry.content)).unwrap_or_default();
        lines.push(("Todo", format!("{done} of {} done{current}", entries.len())));
    }
    let Tokens { input, output, reasoning, cache_read, cache_write } = summary.used.tokens;
    let counts = [
        (input, "input"),
        (output, "output"),
        (reasoning, "reasoning"),
        (cache_read, "cache read"),
        (cache_write, "cache write"),
    ];
    let known = counts.iter().filter_map(|(count, name)| Some(format!("{} {name}", (*count)?)));
    lines.push(("Tokens", known.collect::<Vec<_>>().join(", ")));
    lines.push(("Cost", usage::cost(&summary.used)));
    for FileDiff { path, added, removed, .. } in &summary.files {
        let count = |lines: &Option<u64>| lines.map_or("?".into(), |lines| lines.to_string());
        lines.push(("Changed", format!("{path} (+{} -{})", count(added), count(removed))));
    }
    lines
}
