//! How conversations are shown.

use serde_json::{Value, json};

use super::session;
use crate::cli::output::Cell;
use crate::runner::conversation::Listed;

/// A conversation as JSON; `docs/json.md` describes the fields.
pub fn listed(one: &Listed) -> Value {
    json!({
        "id": one.id,
        "title": one.title,
        "parent": one.parent,
        "directory": one.directory,
        "created_at": one.created.map(|time| time.to_string()),
        "updated_at": one.updated.map(|time| time.to_string()),
        "cost_usd": one.cost_usd,
        "tokens": one.tokens,
        "state": one.state.map(|state| state.name()),
    })
}

/// The title of a conversation in a table.
pub fn title(title: Option<&str>) -> Cell {
    Cell::new(title.unwrap_or("-")).free()
}

/// A time in a table.
pub fn time(time: Option<jiff::Timestamp>) -> Cell {
    session::time_cell(time)
}
