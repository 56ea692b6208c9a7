//! Nights that were never run: directories of batches whose lines a test writes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Bench, SOON};
use crate::support::command::Run;

/// The results of each arm: its id, and a word for each task with a letter for each run. `p`
/// passes, `f` fails, `u` is unscored, `g` ungraded, `l` hits its limit and fails, `-` is still to
/// be done.
pub type Letters<'a> = &'a [(&'a str, &'a [&'a str])];

impl Bench {
    /// `occtl bench WORDS`.
    pub fn bench(&self, words: &[&str]) -> Run {
        let run = self.sandbox.occtl(&["bench"]).args(words);
        run.cwd(self.sandbox.root()).timeout(SOON)
    }

    /// The text of a file of the sandbox's root.
    pub fn read(&self, name: &str) -> String {
        let path = self.sandbox.root().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The path of a file of the sandbox's root.
    pub fn path(&self, name: &str) -> PathBuf {
        self.sandbox.root().join(name)
    }

    /// A night with these results, and the first arm as the base.
    pub fn night(&self, name: &str, arms: Letters) -> PathBuf {
        self.changed_night(name, arms, |_, _| ())
    }

    /// The same, with changes to its plan (the first call, with a null run) and to each of its
    /// lines.
    pub fn changed_night(
        &self,
        name: &str,
        arms: Letters,
        change: impl Fn(&mut Value, &Value),
    ) -> PathBuf {
        let mut plan = plan(arms);
        change(&mut plan, &Value::Null);
        self.write(name, &plan, &mut |run| {
            let arm = arms.iter().find(|(id, _)| run["arm"] == *id).unwrap();
            let task: usize = run["task"].as_str().unwrap()[1..].parse().unwrap();
            let repeat = run["repeat"].as_u64().unwrap() as usize;
            let letter = arm.1.get(task)?.chars().nth(repeat - 1)?;
            let mut line = line_of(letter)?;
            change(&mut line, run);
            Some(line)
        })
    }

    /// The directory of a batch of a plan. `line_of` gives what is special of a run's line, or
    /// nothing for a run that is still to be done; it gets what `bench status` says of the run.
    pub fn write(
        &self,
        name: &str,
        plan: &Value,
        line_of: &mut dyn FnMut(&Value) -> Option<Value>,
    ) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("plan.json"), plan.to_string()).unwrap();
        let about = json!({"schema": 1, "batch": name, "shards": 1});
        std::fs::write(path.join("batch.json"), about.to_string()).unwrap();
        let status = self.bench(&["status", name, "--json"]).run().ok().json();
        let runs = status["runs"].as_array().unwrap();
        let lines: Vec<String> = runs.iter().filter_map(|run| whole(name, run, line_of)).collect();
        std::fs::write(path.join("results-1-of-1.jsonl"), lines.concat()).unwrap();
        path
    }
}

/// The line of a run.
fn whole(
    batch: &str,
    run: &Value,
    line_of: &mut dyn FnMut(&Value) -> Option<Value>,
) -> Option<String> {
    let special = line_of(run)?;
    let repeat = run["repeat"].as_u64().unwrap();
    let mut line = json!({
        "type": "result", "schema": 1, "batch": batch, "run_id": run["run_id"], "attempt": 1,
        "task": run["task"], "arm": run["arm"], "repeat": run["repeat"], "stop": "done",
        "started_at": format!("2026-01-01T0{}:00:00Z", repeat.min(9)), "agent_ms": 1000,
        "first_token_ms": 100, "steps": 2, "cost_usd": 0.01, "usage_complete": true, "jobs": 1,
        "tokens": {"input": 100, "output": 10, "reasoning": 0, "cache_read": 0, "cache_write": 0},
        "opencode_version": "1.18.33", "host": "night", "cpus": 2,
    });
    for (key, value) in special.as_object().unwrap() {
        line[key] = value.clone();
    }
    Some(format!("{line}\n"))
}

fn line_of(letter: char) -> Option<Value> {
    Some(match letter {
        'p' => json!({"result": "pass"}),
        'f' => json!({"result": "fail"}),
        'l' => json!({"result": "fail", "stop": "wall_limit"}),
        'u' => json!({"result": "unscored", "stop": "provider_error"}),
        'g' => json!({"result": "ungraded"}),
        _ => return None,
    })
}

/// A plan with these arms and as many tasks and repeats as they have letters; its base is the
/// first.
pub fn plan(arms: Letters) -> Value {
    let tasks = arms.iter().map(|(_, tasks)| tasks.len()).max().unwrap();
    let repeats = arms.iter().flat_map(|(_, tasks)| tasks.iter()).map(|task| task.len()).max();
    let tasks = (0..tasks).map(|at| {
        json!({"id": format!("t{at}"), "instruction": "Do it.", "check": ["true"], "tags": ["all"]})
    });
    let arms = arms.iter().map(|(id, _)| json!({"id": id, "model": format!("scripted/{id}")}));
    let (tasks, arms): (Vec<Value>, Vec<Value>) = (tasks.collect(), arms.collect());
    json!({"schema": 1, "name": "nightly", "repeats": repeats, "tasks": tasks, "arms": arms,
           "base": arms[0]["id"]})
}

/// Runs a program of Python on a file, and gives what it prints as JSON.
pub fn python(program: &str, file: &Path) -> Value {
    let ended = std::process::Command::new("python3").args(["-c", program]).arg(file).output();
    let ended = ended.unwrap();
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{error}");
    serde_json::from_slice(&ended.stdout).unwrap()
}
