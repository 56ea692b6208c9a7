use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::{Cell, one_line};
use crate::cli::spec::{Action, Command, Exit, Operand, QUIET, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::session::ModelFacts;

pub const COMMAND: Command = Command {
    name: "models",
    summary: "Show the models that a session's server can use",
    about: &["Cost is in US dollars for a million tokens, first of input and then of output."],
    operands: &[
        SESSION_TO_READ,
        Operand::optional(
            "PATTERN",
            "Only models whose PROVIDER/MODEL contains this, in upper or lower case",
        ),
    ],
    flags: &[&[QUIET], &[WITHIN]],
    examples: &[
        ("occtl models -q $S sonnet", "names for `send --model`"),
        ("occtl models $S", "all of them, with what they cost"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let pattern = words.operand(1)?.unwrap_or_default().to_lowercase();
    let quiet = words.has("quiet");
    words.within(move |app| {
        let mut models = runner::session::models(&app.context()?, &session)?;
        models.retain(|one| name(one).to_lowercase().contains(&pattern));
        if app.json {
            app.out.json(&json!({"models": models.iter().map(row).collect::<Vec<Value>>()}))?;
        } else if quiet {
            models.iter().try_for_each(|one| app.out.line(&one_line(&name(one))))?;
        } else {
            print(app, &models)?;
        }
        Ok(Exit::OK)
    })
}

fn name(one: &ModelFacts) -> String {
    format!("{}/{}", one.provider, one.id)
}

fn row(one: &ModelFacts) -> Value {
    let model = &one.model;
    json!({
        "provider": one.provider, "id": one.id, "name": model.name, "status": model.status,
        "context_tokens": model.limit.context, "output_tokens": model.limit.output,
        "input_cost_usd": model.cost.input, "output_cost_usd": model.cost.output,
        "variants": model.variants.keys().collect::<Vec<_>>(),
    })
}

fn print(app: &mut App, models: &[ModelFacts]) -> Result<()> {
    let number = |value: Option<f64>| value.map_or("-".into(), |value| value.to_string());
    let cells = |one: &ModelFacts| {
        let model = &one.model;
        let variants: Vec<&str> = model.variants.keys().map(String::as_str).collect();
        vec![
            Cell::new(name(one)),
            Cell::new(number(model.limit.context)),
            Cell::new(format!("{} {}", number(model.cost.input), number(model.cost.output))),
            Cell::new(variants.join(" ")).free(),
        ]
    };
    let rows: Vec<_> = models.iter().map(cells).collect();
    if rows.is_empty() {
        return app.out.line("No models");
    }
    app.out.table(&["Model", "Context", "Cost", "Variants"], &rows)
}
