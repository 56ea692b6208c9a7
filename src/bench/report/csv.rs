//! A table of runs as CSV (RFC 4180): a row for each run with a result line, and a column for each
//! of the line's fields.

use std::collections::HashMap;

use serde_json::Value;

use super::escape;
use crate::bench::night::Night;
use crate::bench::results::file;
use crate::error::Result;

/// The fields, from the outer to the inner name. Lists, and objects whose keys are not fixed, are
/// one cell of JSON.
pub const COLUMNS: [&[&str]; 67] = [
    &["batch"],
    &["run_id"],
    &["attempt"],
    &["task"],
    &["arm"],
    &["repeat"],
    &["block"],
    &["shard"],
    &["model", "provider"],
    &["model", "id"],
    &["model", "variant"],
    &["agent"],
    &["variant"],
    &["opencode_version"],
    &["opencode_sha256"],
    &["plan_sha256"],
    &["task_sha256"],
    &["config_sha256"],
    &["overlay_sha256"],
    &["policy_sha256"],
    &["catalogue_sha256"],
    &["wrap"],
    &["result"],
    &["stop"],
    &["score"],
    &["metrics"],
    &["check_exit"],
    &["passed_at"],
    &["error", "name"],
    &["error", "message"],
    &["started_at"],
    &["queue_ms"],
    &["setup_ms"],
    &["server_start_ms"],
    &["first_token_ms"],
    &["agent_ms"],
    &["retry_wait_ms"],
    &["working_ms"],
    &["tool_ms"],
    &["check_ms"],
    &["provider_retries"],
    &["steps"],
    &["tool_calls"],
    &["tool_errors"],
    &["conversations"],
    &["compactions"],
    &["tokens", "input"],
    &["tokens", "output"],
    &["tokens", "reasoning"],
    &["tokens", "cache_read"],
    &["tokens", "cache_write"],
    &["cost_usd"],
    &["cost_source"],
    &["usage_complete"],
    &["spent_usd"],
    &["max_rss_bytes"],
    &["diff_added"],
    &["diff_removed"],
    &["host"],
    &["cpus"],
    &["mem_limit_bytes"],
    &["jobs"],
    &["recheck_of"],
    &["artifacts"],
    &["type"],
    &["schema"],
    &["directory"],
];

/// The names of the columns.
pub fn heading() -> String {
    COLUMNS.map(|path| path.join("_")).join(",") + "\r\n"
}

/// Gives `take` a row for each run of a night, in the order of the files: the line that counts.
/// They are read again and not kept, because there may be a hundred thousand.
pub fn rows(night: &Night, take: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let counts = night.runs.iter().filter_map(|run| {
        let line = run.counts.as_ref()?;
        Some((run.hexadecimal(), (line.attempt, line.recheck)))
    });
    let mut counts: HashMap<String, (u32, Option<u32>)> = counts.collect();
    let mut failed = Ok(());
    file::each_result(&night.directory, &mut |text| {
        let Ok(mut line) = serde_json::from_str::<Value>(text) else { return };
        if line["batch"] != night.batch.as_str() || failed.is_err() {
            return;
        }
        let number = |key: &str| line[key].as_u64().and_then(|number| u32::try_from(number).ok());
        let place = (number("attempt").unwrap_or(0), number("recheck_of"));
        let run = line["run_id"].as_str().unwrap_or("");
        if counts.get(run) != Some(&place) {
            return;
        }
        // A line that repeats an attempt is no second run.
        counts.remove(run);
        line["directory"] = night.directory.display().to_string().into();
        failed = take(&row(&line));
    })?;
    failed
}

fn row(line: &Value) -> String {
    let cells = COLUMNS.map(|path| {
        let value = path.iter().fold(line, |value, key| &value[*key]);
        match value {
            Value::Null => String::new(),
            Value::String(text) => escape::csv(text),
            other => escape::csv_number(&other.to_string()),
        }
    });
    cells.join(",") + "\r\n"
}
