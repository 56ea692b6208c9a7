//! How it is shown what models used.

use serde_json::{Value, json};

use crate::cli::output::Cell;
use crate::runner::turn::{Tokens, Used};
use crate::units::usd;

/// The headings of [`cells`].
pub const HEADINGS: [&str; 7] =
    ["Steps", "Input", "Output", "Reasoning", "Cache read", "Cache write", "Cost"];

/// What steps used as JSON; `docs/json.md` describes the fields.
pub fn document(used: &Used) -> Value {
    json!({"steps": used.steps, "tokens": used.tokens, "cost_usd": used.cost_usd(),
           "cost_known_usd": used.cost_known_usd})
}

/// What steps used as fields of a table.
pub fn cells(used: &Used) -> Vec<Cell> {
    let Tokens { input, output, reasoning, cache_read, cache_write } = used.tokens;
    let count = |count: Option<u64>| Cell::new(count.map_or("-".into(), |n| n.to_string()));
    let mut cells = vec![Cell::new(used.steps.to_string())];
    cells.extend([input, output, reasoning, cache_read, cache_write].map(count));
    cells.push(Cell::new(cost(used)));
    cells
}

/// The cost in words: `>` stands before what is known where a part of it is not.
pub fn cost(used: &Used) -> String {
    match (used.cost_usd(), used.cost_known_usd) {
        (Some(cost), _) => format!("${}", usd(cost, 4)),
        (None, Some(known)) => format!("> ${}", usd(known, 4)),
        (None, None) => "-".into(),
    }
}
