use serde_json::json;

use crate::cli::App;
use crate::cli::spec::{Action, Command, Exit};
use crate::cli::words::Words;
use crate::error::Result;

pub const COMMAND: Command = Command {
    name: "version",
    summary: "Show the version of occtl",
    about: &[],
    operands: &[],
    flags: &[],
    examples: &[
        ("occtl version", "only the number"),
        ("occtl version --json | jq -r .version", "the same from JSON"),
    ],
    parse,
};

fn parse(_: &Words) -> Result<Action> {
    Ok(Box::new(print))
}

/// Prints the version.
pub fn print(app: &mut App) -> Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    if app.json {
        app.out.json(&json!({"version": version}))?;
    } else {
        app.out.line(version)?;
    }
    Ok(Exit::OK)
}
