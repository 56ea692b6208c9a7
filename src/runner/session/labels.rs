//! The labels that sessions are found by.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::runner::context::Context;

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// Whether a session has all the labels that are wanted.
pub fn has_labels(own: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| own.get(key) == Some(value))
}

/// Reads labels as they are typed: `KEY=VALUE`.
pub fn parse_labels(pairs: &[String]) -> Result<Labels> {
    let split = |pair: &String| match pair.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_string(), value.to_string())),
        _ => Err(Error::usage(format!("--label cannot be {pair}")).hint("KEY=VALUE")),
    };
    pairs.iter().map(split).collect()
}

/// The ids of all sessions that have these labels.
pub fn all_ids(context: &Context, labels: &Labels) -> Result<Vec<String>> {
    let document = context.store.read()?;
    if labels.is_empty() {
        return Ok(document.ids().map(String::from).collect());
    }
    #[derive(Deserialize)]
    struct Labelled {
        #[serde(default)]
        labels: Labels,
    }
    let found = document
        .each(|id, one: Labelled| has_labels(&one.labels, labels).then(|| id.to_string()))?;
    Ok(found.into_iter().flatten().collect())
}
