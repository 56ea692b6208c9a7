//! Variables of an agent's environment, as plan and tasks set them.

use std::collections::BTreeMap;

use crate::bench::json::Piece;
use crate::error::Result;
use crate::runner::lifecycle::start::variables;

/// Variables that every run sets itself: where they point keeps runs apart.
const OF_RUNS: [&str; 5] = ["HOME", "TMPDIR", "TERM", "OPENCODE_DB", "OPENCODE_CONFIG_CONTENT"];

/// Beginnings of the same.
const KINDS: [&str; 2] = ["XDG_", "OCCTL_"];

/// Variables with their values.
pub fn read(piece: &Piece) -> Result<BTreeMap<String, String>> {
    let object = piece.map()?;
    let entry = |(name, value): (&str, Piece)| {
        check(&value, name)?;
        Ok((name.to_owned(), value.text()?))
    };
    object.entries().map(entry).collect()
}

/// Names of variables.
pub fn names(piece: &Piece) -> Result<Vec<String>> {
    let name = |piece: &Piece| {
        let name = piece.word()?;
        check(piece, &name)?;
        Ok(name)
    };
    piece.list()?.iter().map(name).collect()
}

fn check(piece: &Piece, name: &str) -> Result<()> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(piece.wrong(&format!("has the name {name:?}, which no variable can have")));
    }
    let own = OF_RUNS.contains(&name) || KINDS.iter().any(|kind| name.starts_with(kind));
    if own || variables::RESERVED.contains(&name) {
        let error = piece.wrong(&format!("cannot set {name}"));
        return Err(error.hint("occtl sets it for every run, to keep runs apart"));
    }
    Ok(())
}
