//! Reads TOML with the user's Python: users of Harbor have one, and a parser of our own would be a
//! large part of the program for files that are read once.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::super::candidate::Refusal;
use super::super::order::Surroundings;
use super::super::source::optional_text;
use crate::error::{Error, Result};
use crate::runner::programs::{Ending, attend_fed};
use crate::units::Deadline;

/// Prints a line of JSON for each text of a JSON array on stdin. All in one process: to start
/// Python takes longer than to read a hundred files.
const PROGRAM: &str = "\
import tomllib, json, sys
for text in json.load(sys.stdin):
    try:
        line = json.dumps({'value': tomllib.loads(text)}, default=str, allow_nan=False)
    except Exception as error:
        line = json.dumps({'error': str(error) or type(error).__name__})
    print(line)
";

/// How long Python may take for one batch.
const TAKES: Duration = Duration::from_secs(60);

/// How many bytes of TOML one process reads: what it prints must fit into memory.
const BATCH: usize = 4 * 1024 * 1024;

/// What a user of another machine runs, for a `task.json` beside each `task.toml`.
const BESIDE: &str = "python3 -c 'import tomllib,json,sys;json.dump(tomllib.load(\
                      sys.stdin.buffer),sys.stdout,default=str)' <task.toml >task.json";

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// No Python can read it.
    NoPython,
    /// The text is wrong; a colon, perhaps a line, and why.
    Wrong(String),
}

/// The settings of one task.
pub type Settings = std::result::Result<Value, Fault>;

/// The settings of each text, in their order, and a hint if Python is missing.
pub fn read(texts: &[&str], around: &Surroundings) -> Result<(Vec<Settings>, Option<String>)> {
    let mut values = Vec::new();
    let mut rest = texts;
    while !rest.is_empty() {
        around.expect_running()?;
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|text| {
            bytes += text.len();
            bytes <= BATCH
        });
        let (batch, after) = rest.split_at(fitting.count().max(1));
        match python(batch, around)? {
            Ok(read) => values.extend(read),
            Err(why) => {
                values.resize(texts.len(), Err(Fault::NoPython));
                let hint = format!("{why}; where there is one, next to each task.toml: {BESIDE}");
                return Ok((values, Some(hint)));
            }
        }
        rest = after;
    }
    Ok((values, None))
}

/// What Python says of some texts, or why it cannot.
fn python(
    texts: &[&str],
    around: &Surroundings,
) -> Result<std::result::Result<Vec<Settings>, String>> {
    let mut command = Command::new("python3");
    // Without -I a file json.py in the working directory would be loaded.
    command.args(["-I", "-c", PROGRAM]);
    let input = serde_json::to_vec(texts).unwrap_or_default();
    let stopped = || (around.signal)().is_some();
    let ended = match attend_fed(&mut command, &input, Deadline::after(TAKES), &stopped) {
        Ok(ended) => ended,
        Err(error) => return Ok(Err(format!("python3 cannot be started: {error}"))),
    };
    let words = String::from_utf8_lossy(&ended.words).into_owned();
    match ended.ending {
        Ending::Status(status) if status.success() => {}
        Ending::Stopped => return around.expect_running().map(|()| Ok(Vec::new())),
        Ending::TimedOut => {
            let message = format!("python3 took longer than {} s for TOML", TAKES.as_secs());
            return Err(Error::failed(message));
        }
        Ending::Status(_) if words.contains("tomllib") => {
            return Ok(Err("python3 here is older than 3.11 and reads no TOML".into()));
        }
        Ending::Status(status) => {
            let last = words.trim().lines().last().unwrap_or_default();
            return Ok(Err(format!("python3 ended with {status}: {last}")));
        }
    }
    let output = String::from_utf8_lossy(&ended.output);
    let read: Vec<_> = output.lines().zip(texts).map(|(line, text)| value(line, text)).collect();
    if read.len() != texts.len() {
        return Err(Error::failed("python3 did not print a line for each task.toml"));
    }
    Ok(Ok(read))
}

fn value(line: &str, text: &str) -> Settings {
    let mut value: Value = serde_json::from_str(line)
        .map_err(|error| Fault::Wrong(format!(": it cannot be read: {error}")))?;
    match value["error"].as_str() {
        Some(why) => Err(Fault::Wrong(with_line(why, text))),
        None => Ok(value["value"].take()),
    }
}

/// Python tells `why (at line 3, column 5)`, or of what is never closed only `(at end of
/// document)`: then it is the last string of several lines, if there is one.
fn with_line(why: &str, text: &str) -> String {
    if let Some((what, place)) = why.split_once(" (at line ") {
        let line: String = place.chars().take_while(char::is_ascii_digit).collect();
        return format!(":{line}: {what}");
    }
    let what = why.split(" (at end").next().unwrap_or(why);
    let opens = |line: &str| line.contains("\"\"\"") || line.contains("'''");
    match text.lines().enumerate().filter(|(_, line)| opens(line)).last() {
        Some((at, _)) if what != why => {
            format!(":{}: the string of several lines that begins here is never closed", at + 1)
        }
        _ => format!(": {what}"),
    }
}

/// The settings in a `task.json` beside a `task.toml`, for machines without Python.
pub fn beside(task: &Path) -> std::result::Result<Value, Refusal> {
    let Some(text) = optional_text(task, "task.json")? else {
        let what = "needs python3 (3.11 or newer) to read task.toml, or a task.json beside it";
        return Err(what.to_string().into());
    };
    match serde_json::from_str(&text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("task.json is no object".to_string().into()),
        Err(error) => Err(format!("task.json:{}: this is not JSON", error.line()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_says_is_told_with_the_line() {
        let text = "a = 1\nb = \"\"\"x\"\"\"\nc = '''\nnever\n";
        for (why, told) in [
            ("Invalid value (at line 3, column 5)", ":3: Invalid value"),
            (
                "Expected \"'''\" (at end of document)",
                ":3: the string of several lines that begins here is never closed",
            ),
            ("RecursionError", ": RecursionError"),
        ] {
            assert_eq!(with_line(why, text), told);
        }
    }
}
