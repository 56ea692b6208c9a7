//! The check that runs tests of Harbor as Harbor does.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::super::candidate::Refusal;
use super::super::source::{Copied, text, write};

/// What it runs; `@WORKDIR@` and `@EXPORTS@` are filled in.
const CHECK: &str = include_str!("../files/check.sh");

/// Writes the check beside the tests. `variables` are for them alone.
pub fn write_check(directory: &Path, workdir: &str, variables: &Map<String, Value>) -> Copied {
    let script = CHECK.replace("@WORKDIR@", &quoted(workdir));
    let script = script.replace("@EXPORTS@\n", &exports(variables));
    write(&directory.join("check.sh"), &script, 0o777)
}

/// Makes the solution's script one that can be run, with its own variables.
pub fn prepare_solution(directory: &Path, variables: &Map<String, Value>) -> Copied {
    let script = text(directory, "solve.sh")?;
    let (first, rest) = script.split_once('\n').unwrap_or((&script, ""));
    let (first, rest) = match first.starts_with("#!") {
        true => (first, rest),
        false => ("#!/bin/sh", script.as_str()),
    };
    if !variables.is_empty() && !first.trim_end().ends_with("sh") {
        let reason = "solution.env cannot be given to solve.sh, which is no shell script";
        return Err(Refusal::Task(reason.into()));
    }
    let path = directory.join("solve.sh");
    // The copy has the original's mode, and that may be read-only.
    fs::remove_file(&path).map_err(|error| format!("solve.sh cannot be replaced: {error}"))?;
    write(&path, &format!("{first}\n{}{rest}", exports(variables)), 0o777)
}

fn exports(variables: &Map<String, Value>) -> String {
    let line = |(name, value): (&String, &Value)| {
        format!("export {name}={}\n", quoted(value.as_str().unwrap_or_default()))
    };
    variables.iter().map(line).collect()
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
