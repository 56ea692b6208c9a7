//! The JSON schema that an answer has to fit.

mod fault;
mod misfit;
mod place;
mod unchecked;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::client::mend;
use crate::error::{Code, Error, Result};
use crate::runner::input::{self, Wanted};
use crate::runner::turn::record::{Failed, Outcome, TurnRecord};
use fault::fault;
use misfit::misfit;
use unchecked::unchecked;

/// The largest schema, in bytes.
const LARGEST: usize = 1 << 20;

/// Reads a schema from a file, within a limit.
pub fn read(path: &Path, limit: Duration) -> Result<Value> {
    let text = input::read_text(path, Wanted { what: "the schema", most: LARGEST, limit })?;
    let shown = input::name(path);
    let schema: Value = serde_json::from_str(&text)
        .map_err(|error| Error::usage(format!("the schema {shown} is not JSON: {error}")))?;
    if !schema.is_object() {
        return Err(Error::usage(format!("the schema {shown} is not a JSON object")));
    }
    match fault(&schema, &schema, "") {
        Some(fault) => Err(Error::usage(format!("the schema {shown} is none: {fault}"))),
        None => Ok(schema),
    }
}

/// What of a schema is not checked here, for the user; `None` if all of it is.
pub fn warning(schema: &Value) -> Option<String> {
    let names: Vec<String> = unchecked(schema, schema).into_iter().collect();
    let names = (!names.is_empty()).then(|| names.join(", "))?;
    Some(format!("warning: of the schema, {names} is left to the model: occtl does not check it"))
}

/// Checks the answer of a turn on our side as well: old servers ignore a schema, and models make
/// mistakes. What is found goes into the record.
pub fn hold_against(schema: &Value, record: &mut TurnRecord) {
    // A model may write as text what it should have given to the tool that takes the answer.
    let only_not_given =
        record.error.as_ref().is_some_and(|error| error.name == "StructuredOutputError");
    if !only_not_given && !matches!(record.outcome, Outcome::Ok | Outcome::Not(Code::Empty)) {
        return;
    }
    record.error = None;
    let from_text = || serde_json::from_slice(&mend(record.answer.as_bytes())).ok();
    let why = match record.structured.clone().or_else(from_text) {
        Some(value) => {
            let why = misfit(schema, &value);
            record.answer = value.to_string();
            record.structured = Some(value);
            why
        }
        None => Some("the answer is not JSON".into()),
    };
    record.outcome = Outcome::Ok;
    if let Some(why) = why {
        let message = format!("the answer does not fit the schema: {why}");
        record.error = Some(Failed::new("SchemaMismatch", message));
        record.outcome = Outcome::Not(Code::TurnFailed);
    }
}
