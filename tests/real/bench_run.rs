//! `bench run` on the real OpenCode: prices, and a sandbox around agent and check.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::bench::guide;
use crate::support::bubblewrap::has_bubblewrap;
use crate::support::command::Run;
use crate::support::trials::{RUN_TIME, Trial};

/// A run of the trial's plan, with more keys.
fn run(trial: &Trial, more: &Value) -> Run {
    let mut plan = trial.order["plan"].clone();
    plan["repeats"] = json!(1);
    for (key, value) in more.as_object().unwrap() {
        plan[key] = value.clone();
    }
    let root = trial.sandbox.root();
    let file = root.join("plan.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    let words = ["bench", "run", "plan.json", "-o", "results", "--scratch", "."];
    trial.sandbox.occtl(&words).cwd(root).timeout(RUN_TIME)
}

fn results(trial: &Trial) -> PathBuf {
    trial.sandbox.root().join("results")
}

/// The result lines so far.
fn lines(trial: &Trial) -> Vec<Value> {
    let text = std::fs::read_to_string(results(trial).join("results-1-of-1.jsonl"));
    let text = text.unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_model_that_is_configured_without_a_price_cannot_be_limited_in_dollars() {
    let mut trial = Trial::new("bench-unpriced", "[[bash echo good > out.txt]]");
    let config = &mut trial.arm()["config"];
    config["provider"]["scripted"]["models"]["echo"].as_object_mut().unwrap().remove("cost");
    let refused = run(&trial, &json!({"budget_usd": 1})).run().fails(2);
    let said = "arm secret-arm: OpenCode does not know the price of scripted/echo";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert!(lines(&trial).is_empty());
    assert!(trial.model.requests().is_empty());
    trial.sandbox.assert_nothing_left();
}

#[test]
fn bubblewrap_as_the_guide_shows_it_lets_agent_and_check_write_nowhere_else() {
    if !has_bubblewrap() {
        return;
    }
    let mut trial = Trial::new("bench-bubblewrap", "");
    let place = trial.sandbox.root().file_name().unwrap().to_str().unwrap().to_owned();
    let outside = |who: &str| format!("/occtl-test-{place}-{who}");
    // By way of a variable, because OpenCode asks for paths that stand in a command. The plan
    // lies above the run's directory.
    let prompt = format!(
        "[[bash echo good > out.txt; up=../../..; ls $up/.. >> out.txt; \
         out=; touch $out{} && rm out.txt]]",
        outside("agent")
    );
    trial.task()["instruction"] = json!(prompt);
    let check = format!(
        "cat out.txt; ls ../../../..; touch {} && exit 3; grep -q good out.txt",
        outside("check")
    );
    trial.task()["check"] = json!(["sh", "-c", check]);
    // A price of nothing that is stated is a price.
    let cost = json!({"input": 0, "output": 0});
    trial.arm()["config"]["provider"]["scripted"]["models"]["echo"]["cost"] = cost;
    let mut more = guide::wrap("bwrap");
    more["budget_usd"] = json!(1);
    let ended = run(&trial, &more).run().ok();
    let lines = lines(&trial);
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    let line = &lines[0];
    assert_eq!((&line["result"], &line["stop"]), (&json!("pass"), &json!("done")), "{line}");
    assert_eq!((&line["cost_usd"], &line["wrap"][0]), (&json!(0.0), &json!("bwrap")), "{line}");
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
    for who in ["agent", "check"] {
        assert!(!PathBuf::from(outside(who)).exists(), "{who} has left its sandbox");
    }
    let seen = results(&trial).join(line["artifacts"].as_str().unwrap()).join("check.txt");
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(!seen.contains("plan.json"), "/tmp is not hidden: {seen}");
    trial.sandbox.assert_nothing_left();
}
