use serde_json::{Map, Value};

use crate::cli::App;
use crate::cli::output::{Cell, Colour, one_line};
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

pub const COMMAND: Command = Command {
    name: "config",
    summary: "Show the resolved configuration of a session's server",
    about: &["Keys, tokens, passwords, headers and environment variables are masked unless \
         --show-secrets is given."],
    operands: &[
        SESSION_TO_READ,
        Operand::optional("SECTION", "What to show: permission, agent, tools or all")
            .default("all")
            .choices(&["permission", "agent", "tools", "all"]),
    ],
    flags: &[
        &[
            // The global --json has no letter; the one of opencode-ctl 0.4.0 has.
            Flag::switch("json", Some('j'), "Print JSON instead of tables"),
            Flag::switch("show-secrets", None, "Do not mask anything"),
        ],
        &[WITHIN],
    ],
    examples: &[
        ("occtl config $S permission -j", "the permission rules as they are written"),
        ("occtl config $S agent", "what each agent may do"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let json = words.has("json");
    let secrets = words.has("show-secrets");
    let section = words.required(1)?;
    words.within(move |app| {
        app.json |= json;
        let mut all = runner::session::configuration(&app.context()?, &session, secrets)?;
        let found = match section.as_str() {
            "all" => all,
            name => all.get_mut(name).map_or(Value::Object(Map::new()), Value::take),
        };
        if app.json {
            app.out.json(&found)?;
        } else {
            print(app, &section, &found)?;
        }
        Ok(Exit::OK)
    })
}

/// Prints every value on a line of its own, named by the path of keys that leads to it.
fn print(app: &mut App, section: &str, found: &Value) -> Result<()> {
    let Value::Object(fields) = found else {
        return table(app, section, vec![(String::new(), shown(found))]);
    };
    if section != "all" {
        return table(app, section, rows(found));
    }
    for (name, value) in fields {
        if !matches!(value, Value::Object(inner) if inner.is_empty()) {
            table(app, name, rows(value))?;
        }
    }
    Ok(())
}

fn table(app: &mut App, title: &str, rows: Vec<(String, String)>) -> Result<()> {
    let title = one_line(title);
    app.out.line(&app.out.paint(&title, Colour::Bold))?;
    if rows.is_empty() {
        return app.out.line("  -");
    }
    let cells =
        |(key, value): &(String, String)| vec![Cell::new(format!("  {key}")), Cell::new(value)];
    let rows: Vec<_> = rows.iter().map(cells).collect();
    app.out.table(&["  Key", "Value"], &rows)
}

fn rows(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

fn walk(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(value, &path, found);
            }
        }
        Value::Object(_) if path.is_empty() => {}
        other => found.push((path.into(), shown(other))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
