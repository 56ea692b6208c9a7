//! The one source of what `--json` prints is `docs/json.md`. From its tables come the schemas in
//! `docs/json/`, and everything that a test makes occtl print with `--json` is held against them.

mod argv;
mod checked;
mod made;
mod tables;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::OnceLock;

use serde_json::{Deserializer, Value};

pub use checked::faults;
pub use made::{file_name, schemas};
pub use tables::{Row, Tables};

/// The file of the schema of what `--json` writes to stderr.
const ERRORS: &str = "errors";
/// What a type may be: a message tells it to the developer who adds a row.
const TYPES: &str = "string, number, boolean, time, any, array, array of strings, object, \
                     object NAME, map, map of numbers; each also with `or null`";

/// `docs/json.md` as it is in the working tree. It is read while the tests run, so that a change of
/// it needs no new build.
pub fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md");
        Tables::read(&std::fs::read_to_string(path).expect("docs/json.md"))
    })
}

/// The schemas by the names of their files.
fn known() -> &'static BTreeMap<String, Value> {
    static SCHEMAS: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| schemas(tables()))
}

/// What a run of occtl wrote.
pub struct Written<'a> {
    pub stdout: &'a str,
    pub stderr: &'a str,
    /// Whether it failed, so that what it wrote may end anywhere.
    pub failed: bool,
}

/// Fails the test if a run of occtl with `--json` printed anything that `docs/json.md` does not
/// describe, or left out anything that it does.
#[track_caller]
pub fn hold(arguments: &[OsString], written: &Written) {
    let Some(command) = argv::command_with_json(arguments) else { return };
    let shown = format!("occtl {command} --json");
    // What occtl starts itself has no section: `docs/cli.md` does not show it either.
    if let Some(schema) = known().get(&file_name(&command)) {
        // Half a character, which a server's text may hold, would end the parser.
        let stdout = written.stdout.replace("\\ud", "\\uf");
        for document in Deserializer::from_str(&stdout).into_iter::<Value>() {
            match document {
                Ok(document) => hold_one(&shown, &format!("occtl {command}"), schema, &document),
                Err(error) if written.failed && error.is_eof() => {}
                Err(error) => panic!("{shown}: stdout is not JSON: {error}\n{}", written.stdout),
            }
        }
    }
    for line in written.stderr.lines() {
        match serde_json::from_str(line) {
            Ok(document) => hold_one(&shown, "Errors", &known()[ERRORS], &document),
            Err(error) if written.failed && error.is_eof() => {}
            Err(_) => panic!("{shown}: a line of stderr is not JSON: {line}"),
        }
    }
}

/// Holds a line of `results-I-of-N.jsonl`, and other documents with a section of their own.
#[track_caller]
pub fn hold_section(heading: &str, document: &Value) {
    hold_one(heading, heading, &known()[&file_name(heading)], document);
}

#[track_caller]
fn hold_one(what: &str, heading: &str, schema: &Value, document: &Value) {
    let faults = faults(schema, document);
    assert!(
        faults.is_empty(),
        "{what} printed what docs/json.md does not say:\n  {}\nA new field needs a row in the \
         table below `## {heading}` of docs/json.md, or below the `Object` that its row names: | \
         `field` | type | what it is |\n(type: {TYPES}). Then run `make docs`.\nThe document: \
         {document}",
        faults.join("\n  ")
    );
}
