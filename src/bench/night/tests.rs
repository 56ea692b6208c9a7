//! Reading of directories that were written by hand.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Night;
use super::sketch::arm;
use crate::bench::batch::Directory;
use crate::bench::fixture;
use crate::bench::results::line::{RunResult, Stop};
use crate::bench::schedule;
use crate::testing::scratch;

/// A directory with a plan of one task, one arm and two repeats; and the ids of its runs.
fn directory(name: &str) -> (std::path::PathBuf, Vec<String>) {
    let path = scratch(name);
    let mut plan = fixture::plan(&path);
    plan.repeats = 2;
    plan.tasks = vec![fixture::task("t")];
    plan.tasks[0].sha256 = "0".repeat(64);
    plan.arms = vec![arm("a")];
    fs::write(path.join("plan.json"), plan.to_json().to_string()).unwrap();
    let about = json!({"schema": 1, "batch": "b", "shards": 1});
    fs::write(path.join("batch.json"), about.to_string()).unwrap();
    // Reading fills defaults in, which are part of an arm.
    let plan = Directory::open(&path).unwrap().plan().unwrap();
    let runs = schedule::runs(&plan, "b").into_iter().map(|run| run.id).collect();
    (path, runs)
}

fn line(run: &str, attempt: u32, keys: Value) -> String {
    let mut line = json!({
        "type": "result", "schema": 1, "batch": "b", "run_id": run, "attempt": attempt,
        "task": "t", "arm": "a", "repeat": 1, "result": "pass", "stop": "done",
        "cost_usd": 0.5, "usage_complete": true,
    });
    for (key, value) in keys.as_object().unwrap() {
        line[key] = value.clone();
    }
    line.to_string()
}

fn write(path: &Path, name: &str, lines: &[String]) {
    fs::write(path.join(name), lines.join("\n")).unwrap();
}

#[test]
fn of_a_run_the_newest_recheck_of_its_newest_attempt_counts_and_all_attempts_cost() {
    let (path, runs) = directory("night-newest");
    let second = json!({"result": "fail", "opencode_version": "1.18.33", "host": "h"});
    let results = [
        line(&runs[0], 2, second),
        line(&runs[0], 1, json!({"result": "unscored", "stop": "provider_error"})),
        line(&runs[1], 1, json!({"usage_complete": false})),
    ];
    write(&path, "results-1-of-1.jsonl", &results);
    let recheck = |number: u32, result: &str| {
        line(&runs[0], 2, json!({"result": result, "recheck_of": number}))
    };
    write(&path, "recheck-2.jsonl", &[recheck(2, "pass")]);
    write(&path, "recheck-1.jsonl", &[recheck(1, "unscored")]);
    let night = Night::read(&path).unwrap();
    let run = &night.runs[0];
    let counts = run.counts.as_ref().unwrap();
    assert_eq!((counts.attempt, counts.recheck), (2, Some(2)));
    assert_eq!(run.result(), RunResult::Pass);
    assert_eq!((run.spent_usd, run.spent_complete), (Some(1.0), true));
    assert!(!night.runs[1].spent_complete);
    assert_eq!((night.attempts, night.foreign, night.not_in_plan, night.left()), (3, 0, 0, 0));
    assert_eq!(run.hexadecimal(), runs[0]);
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn torn_foreign_doubled_and_strange_lines_are_counted_and_do_not_count() {
    let (path, runs) = directory("night-foreign");
    let whole = line(&runs[0], 1, json!({}));
    let results = [
        whole.clone(),
        whole.clone(),
        whole.replace("\"b\"", "\"other\""),
        whole.replace("\"pass\"", "\"perhaps\""),
        line("short", 1, json!({})),
        line(&"0".repeat(64), 1, json!({})),
        whole[..40].into(),
    ];
    write(&path, "results-1-of-1.jsonl", &results);
    let night = Night::read(&path).unwrap();
    assert_eq!((night.attempts, night.foreign, night.not_in_plan), (1, 4, 1));
    assert_eq!(night.left(), 1);
    assert_eq!(night.runs[1].result(), RunResult::Unscored);
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_run_of_which_only_interruptions_are_recorded_is_left() {
    let (path, runs) = directory("night-left");
    let end = |stop: &str| json!({"result": "unscored", "stop": stop});
    let results = [line(&runs[0], 1, end("interrupted")), line(&runs[1], 1, end("server_error"))];
    write(&path, "results-1-of-1.jsonl", &results);
    let night = Night::read(&path).unwrap();
    assert!(night.runs[0].is_left() && !night.runs[1].is_left());
    assert_eq!(night.runs[1].counts.as_ref().unwrap().stop, Stop::ServerError);
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn what_a_line_says_beyond_what_can_be_is_unknown() {
    let (path, runs) = directory("night-hostile");
    let tokens = json!({"input": u64::MAX, "output": 1, "reasoning": 0, "cache_read": 0,
                        "cache_write": 0});
    let strange = json!({"score": 7.0, "started_at": "yesterday", "tokens": tokens,
                         "host": "h".repeat(100_000)});
    write(&path, "results-1-of-1.jsonl", &[line(&runs[0], 1, strange)]);
    let night = Night::read(&path).unwrap();
    let counts = night.runs[0].counts.as_ref().unwrap();
    assert_eq!((counts.score, counts.started_ms, counts.tokens), (None, None, Some(u64::MAX)));
    assert_eq!(night.host(counts).unwrap().len(), 200);
    fs::remove_dir_all(path).unwrap();
}
