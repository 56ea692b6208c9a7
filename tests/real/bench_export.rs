//! `bench export`: a night on the real OpenCode in every format.

use std::path::Path;

use serde_json::{Value, json};

use crate::real::versions::can;
use crate::support::atif;
use crate::support::command::Outcome;
use crate::support::trials::{RUN_TIME, Trial};

/// A value that the model says, and that nothing may tell.
const SECRET: &str = "sk-export-4711";

/// A night of five tasks: with a sub-agent, thoughts, cache and a tool that fails; with an answer
/// that fails; with a provider that fails; without a check; and without a change.
fn night() -> Trial {
    let mut trial = Trial::new("bench-export", "");
    let prompts = [
        (
            "tree",
            "[[cached 40]][[task {{cached 10}}{{reasoning think hard}}]][[read nowhere.txt]]\
             [[reasoning well]]",
        ),
        ("bad", "[[bash echo bad > out.txt; mkdir -p .opencode; echo x > .opencode/x]][[length]]"),
        ("broken", "[[http 400 no such luck]]"),
        ("free", "[[bash echo good > out.txt; echo $EXPORT_SECRET]][[echo done]]"),
        ("idle", "[[echo nothing to do]]"),
    ];
    let task = trial.task().clone();
    let tasks = prompts.iter().map(|(id, prompt)| {
        let mut task = task.clone();
        task["id"] = json!(id);
        task["instruction"] = json!(prompt);
        match *id {
            "free" => task["check"] = json!([]),
            "tree" => task["check"] = json!(["sh", "-c", "echo checked"]),
            _ => {}
        }
        task
    });
    let tasks: Vec<Value> = tasks.collect();
    let plan = &mut trial.order["plan"];
    plan["tasks"] = json!(tasks);
    plan["repeats"] = json!(1);
    plan["retry"] = json!({"max_attempts": 1});
    plan["pass_env"] = json!(["EXPORT_SECRET"]);
    let root = trial.sandbox.root();
    std::fs::write(root.join("plan.json"), plan.to_string()).unwrap();
    let words = ["bench", "run", "plan.json", "-o", "results", "--scratch", "."];
    let run = trial.sandbox.occtl(&words).cwd(root).timeout(RUN_TIME * 2);
    run.env("EXPORT_SECRET", SECRET).run().ok();
    trial
}

fn occtl(trial: &Trial, words: &[&str]) -> Outcome {
    trial.sandbox.occtl(words).cwd(trial.sandbox.root()).timeout(RUN_TIME).run()
}

/// Exports the night, and gives what the command says of it.
fn export(trial: &Trial, format: &str) -> Value {
    occtl(trial, &["bench", "export", format, "results", "-o", format, "--json"]).ok().json()
}

fn read(trial: &Trial, name: &str) -> String {
    let path = trial.sandbox.root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document(trial: &Trial, name: &str) -> Value {
    serde_json::from_str(&read(trial, name)).unwrap()
}

/// The result line of a task.
fn line(trial: &Trial, task: &str) -> Value {
    let text = read(trial, "results/results-1-of-1.jsonl");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.find(|line| line["task"] == task).unwrap()
}

/// The directory of a task's trial.
fn trial_of(said: &Value, task: &str) -> String {
    let runs = said["runs"].as_array().unwrap();
    let run = runs.iter().find(|run| run["task"] == task).unwrap();
    format!("harbor/{}", run["file"].as_str().unwrap())
}

#[test]
fn a_night_of_every_kind_is_exported_in_every_format() {
    let trial = night();
    trajectories(&trial);
    jobs(&trial);
    predictions(&trial);
    trial.sandbox.assert_nothing_left();
}

/// Every trajectory is one, and its totals are those of the result line.
fn trajectories(trial: &Trial) {
    let said = export(trial, "atif");
    assert_eq!((&said["written"], &said["left_out"]), (&json!(5), &json!({})), "{said}");
    for run in said["runs"].as_array().unwrap() {
        let text = read(trial, &format!("atif/{}", run["file"].as_str().unwrap()));
        assert!(!text.contains(SECRET));
        let one = atif::trajectory(&text);
        let line = line(trial, run["task"].as_str().unwrap());
        let tokens = |name: &str| line["tokens"][name].as_f64().unwrap_or(0.0);
        let read = tokens("input") + tokens("cache_read") + tokens("cache_write");
        let written = tokens("output") + tokens("reasoning");
        for (step, total, wanted) in [
            ("prompt_tokens", "total_prompt_tokens", read),
            ("completion_tokens", "total_completion_tokens", written),
            ("cached_tokens", "total_cached_tokens", tokens("cache_read")),
        ] {
            assert_eq!(one["final_metrics"][total].as_f64(), Some(wanted), "{line}\n{one:#}");
            assert_eq!(atif::sum(&one, &format!("/metrics/{step}")), wanted, "{line}\n{one:#}");
        }
        let cost = one["final_metrics"]["total_cost_usd"].as_f64();
        assert_eq!(cost, line["cost_usd"].as_f64());
        let sum = atif::sum(&one, "/metrics/cost_usd");
        assert!((sum - cost.unwrap_or(0.0)).abs() < 1e-9, "{sum} {cost:?}\n{one:#}");
        assert_eq!(atif::sum(&one, "/llm_call_count"), line["steps"].as_f64().unwrap());
        assert_eq!(one["extra"]["result"], line["result"]);
    }
    tree(&atif::trajectory(&read(trial, "atif/secret-arm/tree.1.json")));
    let broken = read(trial, "atif/secret-arm/broken.1.json");
    assert!(broken.contains("no such luck"), "{broken}");
    let free = atif::trajectory(&read(trial, "atif/secret-arm/free.1.json"));
    assert_eq!(free["steps"][1]["observation"]["results"][0]["content"], "***\n", "{free:#}");
}

/// The trajectory with a sub-agent.
fn tree(one: &Value) {
    let steps = one["steps"].as_array().unwrap();
    assert_eq!(steps[0]["source"], "user", "{one:#}");
    let call = &steps[1]["tool_calls"][0];
    let result = &steps[1]["observation"]["results"][0];
    assert_eq!(call["tool_call_id"], result["source_call_id"]);
    let cached = &one["final_metrics"]["total_cached_tokens"];
    let inner = &one["subagent_trajectories"][0];
    // The default policy denies `task` where denials do not reach sub-agents.
    let has_child = can("rules of a conversation reach its sub-agents");
    let is_there = has_child || !can("a rule takes its tool away");
    assert_eq!(call["function_name"], if is_there { "task" } else { "invalid" }, "{one:#}");
    if has_child {
        assert_eq!(result["subagent_trajectory_ref"][0]["trajectory_id"], inner["trajectory_id"]);
        assert_eq!(inner["steps"][1]["reasoning_content"], "think hard", "{inner:#}");
        assert_eq!(inner["final_metrics"]["total_cached_tokens"], 10);
        assert_eq!(*cached, 50);
    } else {
        assert_eq!((inner, cached), (&Value::Null, &json!(40)), "{one:#}");
    }
    let failed = &steps[2]["observation"]["results"][0]["content"];
    assert!(failed.as_str().unwrap().contains("not found"), "{one:#}");
    assert_eq!(steps[2]["extra"]["tools"][0]["status"], "error", "{one:#}");
}

/// Harbor's directory of the arm: what is read from it again is what the results say.
fn jobs(trial: &Trial) {
    let said = export(trial, "harbor");
    assert_eq!(said["written"], 5, "{said}");
    let job = document(trial, "harbor/secret-arm/result.json");
    let stats = &job["stats"];
    assert_eq!(stats["n_completed_trials"], 5, "{job:#}");
    assert_eq!(stats["n_errored_trials"], 1, "{job:#}");
    let evals = &stats["evals"]["opencode__echo__secret-plan"];
    let names = |value: &Value| value.as_array().map_or(0, Vec::len);
    let rewards = &evals["reward_stats"]["reward"];
    assert_eq!((names(&rewards["1.0"]), names(&rewards["0.0"])), (1, 2), "{job:#}");
    let mean = evals["metrics"][0]["mean"].as_f64().unwrap();
    assert!((mean - 1.0 / 3.0).abs() < 1e-9, "{job:#}");
    let config = document(trial, "harbor/secret-arm/config.json");
    assert_eq!(config["agents"], json!([{"name": "opencode", "model_name": "scripted/echo"}]));
    for task in ["tree", "bad", "broken", "free", "idle"] {
        let place = trial_of(&said, task);
        let (name, line) = (Path::new(&place).file_name().unwrap(), line(trial, task));
        let name = name.to_str().unwrap();
        assert_eq!(name.strip_prefix(&format!("{task}__")).map(str::len), Some(7), "{name}");
        let result = document(trial, &format!("{place}/result.json"));
        assert_eq!(result["trial_name"], name);
        let reward = &result["verifier_result"]["rewards"]["reward"];
        assert_eq!(reward.as_f64(), line["score"].as_f64(), "{result:#}");
        let is_unscored = line["result"] == "unscored";
        assert_eq!(result["exception_info"].is_object(), is_unscored, "{result:#}");
        assert_eq!(trial.sandbox.root().join(&place).join("exception.txt").exists(), is_unscored);
        if let Some(score) = line["score"].as_f64() {
            let text = read(trial, &format!("{place}/verifier/reward.txt"));
            assert_eq!(text.trim().parse(), Ok(score));
            let printed = read(trial, &format!("{place}/verifier/test-stdout.txt"));
            assert_eq!(printed.trim() == "checked", task == "tree", "{printed}");
        }
        let inner = atif::trajectory(&read(trial, &format!("{place}/agent/trajectory.json")));
        let totals = [
            &inner["final_metrics"]["total_prompt_tokens"],
            &inner["final_metrics"]["total_completion_tokens"],
        ];
        let used = &result["agent_result"];
        assert_eq!([&used["n_input_tokens"], &used["n_output_tokens"]], totals, "{result:#}");
    }
}

/// Patches for another grader, and what that says of them.
fn predictions(trial: &Trial) {
    let said = export(trial, "predictions");
    assert_eq!(said["written"], 2, "{said}");
    assert_eq!(said["left_out"], json!({"no_patch": 2, "unscored": 1}), "{said}");
    let text = read(trial, "predictions/secret-arm/1.jsonl");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut report = json!({});
    for line in &lines {
        let patch = line["model_patch"].as_str().unwrap();
        assert!(patch.ends_with('\n') && patch.contains("+++ b/out.txt"), "{patch}");
        assert!(!patch.contains(".opencode"), "{patch}");
        assert_eq!(line["model_name_or_path"], "secret-arm");
        report[line["instance_id"].as_str().unwrap()] = json!({
            "patch_is_None": false, "patch_exists": true, "patch_successfully_applied": true,
            "resolved": line["instance_id"] == "bad", "tests_status": {},
        });
    }
    std::fs::write(trial.sandbox.root().join("report.json"), report.to_string()).unwrap();
    occtl(trial, &["bench", "recheck", "results", "--from", "report.json"]).ok();
    let words = ["bench", "export", "harbor", "results", "-o", "again", "--task", "bad", "--json"];
    let said = occtl(trial, &words).ok().json();
    let place = said["runs"][0]["file"].as_str().unwrap();
    assert_eq!(read(trial, &format!("again/{place}/verifier/reward.txt")), "1.0\n");
}
