//! `bench trial`: how runs end that do not come to a good end, and what that means for their score.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::command::Running;
use crate::support::processes::signal;
use crate::support::rounds::with_longer_limits;
use crate::support::sandbox::example;
use crate::support::trials::{RUN_TIME, Trial, ends};

#[test]
fn an_agent_that_asks_is_blocked_at_once_whoever_asks_for_what() {
    for (name, prompt) in [
        ("ask", "[[bash echo good > out.txt]]"),
        ("child", "[[task {{bash echo good > out.txt}}]]"),
        ("question", "[[question Which one?|a|b]]"),
        ("childs-question", "[[task {{question Which one?|a|b}}]]"),
    ] {
        let mut trial = Trial::new(&format!("trial-{name}"), prompt);
        trial.arm()["config"]["permission"] = json!({"bash": "ask"});
        // Sub-agents may not ask unless they are allowed to.
        trial.arm()["config"]["agent"] = json!({"general": {"permission": {"question": "allow"}}});
        trial.arm()["policy"] = json!({"on_permission": "fail", "on_question": "fail"});
        let line = trial.run();
        assert_eq!(ends(&line), ("fail", "blocked"), "{name}: {line}");
        assert_eq!(line["error"]["name"], "blocked");
        assert!(line["agent_ms"].as_u64() < Some(120_000), "{name}: the limit ended it: {line}");
    }
}

/// Carries out a run whose agent is to be ended by the limit of its time, and gives that limit in
/// seconds and the line. It is carried out again with a longer limit if that came before the agent
/// had begun, or before what the agent did had led to this result.
fn at_its_wall(name: &str, prompt: &str, result: &str) -> (f64, Value) {
    with_longer_limits(8.0, |limit| {
        let mut trial = Trial::new(name, prompt);
        trial.task()["limits"] = json!({"wall_s": limit});
        let line = trial.run();
        let had_begun = line["error"]["name"] != "no_answer";
        if had_begun && line["result"] == result {
            Ok((limit, line))
        } else {
            Err(line.to_string())
        }
    })
}

#[test]
fn an_agent_at_its_limit_is_checked_all_the_same() {
    let prompt = "[[bash echo good > out.txt; sleep 300]]";
    let (limit, line) = at_its_wall("trial-wall", prompt, "pass");
    assert_eq!(ends(&line), ("pass", "wall_limit"), "{line}");
    assert_eq!(line["error"]["name"], "timeout");
    let over = line["agent_ms"].as_f64().unwrap() / 1000.0 - limit;
    assert!((0.0..25.0).contains(&over), "{limit} s: {line}");
    let mut trial = Trial::new("trial-steps", "[[bash true]][[bash true]][[bash true]][[echo x]]");
    trial.task()["limits"] = json!({"wall_s": 120, "steps": 2});
    let line = trial.run();
    assert_eq!(ends(&line), ("fail", "step_limit"), "{line}");
    let mut trial = Trial::new("trial-working", prompt);
    trial.task()["limits"] = json!({"wall_s": 120, "working_s": 5});
    let line = trial.run();
    assert_eq!(ends(&line).1, "working_limit", "{line}");
}

#[test]
fn what_the_provider_did_is_not_scored() {
    let (_, line) = at_its_wall("trial-retry", "[[http 500 overloaded]]", "unscored");
    assert_eq!(ends(&line), ("unscored", "provider_error"), "{line}");
    assert_eq!((&line["score"], &line["check_exit"]), (&json!(null), &json!(null)));
    for (prompt, name) in
        [("[[http 401 bad key]]", "authentication"), ("[[http 402 no money left]]", "quota")]
    {
        let trial = Trial::new(&format!("trial-{name}"), prompt);
        let line = trial.run();
        assert_eq!(ends(&line), ("unscored", "provider_error"), "{line}");
        assert_eq!(line["error"]["name"], name, "{line}");
    }
    let mut trial = Trial::new("trial-unknown", "x");
    trial.arm()["model"] = json!("scripted/ecko");
    let line = trial.run();
    assert_eq!(ends(&line), ("unscored", "provider_error"), "{line}");
    assert_eq!(line["error"]["name"], "unknown_model", "{line}");
}

#[test]
fn an_agent_that_recovers_from_a_fault_of_its_provider_is_done_at_its_first_attempt() {
    let prompt = "[[http 500 overloaded times=1]][[bash echo good > out.txt]]";
    let line = Trial::new("trial-recovered", prompt).run();
    assert_eq!(ends(&line), ("pass", "done"), "{line}");
    assert_eq!((&line["provider_retries"], &line["error"]), (&json!(1), &Value::Null), "{line}");
    assert!(line["retry_wait_ms"].as_u64() > Some(0), "{line}");
}

#[test]
fn a_run_that_is_ended_leaves_its_record_in_time() {
    let trial = Trial::new("trial-signal", "[[bash touch started; sleep 300]]");
    let file = trial.write();
    let words = ["bench", "trial", file.to_str().unwrap()];
    let running = trial.sandbox.occtl(&words).timeout(RUN_TIME).spawn();
    trial.wait_for("agent/tree/started");
    let told = Instant::now();
    running.signal(Signal::TERM);
    running.wait(RUN_TIME).ok();
    let took = told.elapsed();
    let line = trial.line();
    assert_eq!(ends(&line), ("unscored", "interrupted"), "{line}");
    assert_eq!(line["check_exit"], Value::Null);
    assert!(took < Duration::from_secs(8), "{took:?}");
    let turn: Value = serde_json::from_str(&trial.artifact("turn.json")).unwrap();
    assert_eq!(turn["outcome"], "interrupted");
}

#[test]
fn a_program_that_was_swapped_is_not_run() {
    let mut trial = Trial::new("trial-swapped", "x");
    trial.order["opencode_sha256"] = json!("0".repeat(64));
    let line = trial.run();
    assert_eq!(ends(&line), ("unscored", "setup_error"), "{line}");
    assert_eq!(line["error"]["name"], "binary_changed");
    assert!(trial.model.requests().is_empty());
}

#[test]
fn what_cannot_be_prepared_is_not_run() {
    let mut trial = Trial::new("trial-setup", "x");
    trial.task()["setup"] = json!(["sh", "-c", "echo no compiler; exit 3"]);
    let line = trial.run();
    assert_eq!(ends(&line), ("unscored", "setup_error"), "{line}");
    assert!(line["error"]["message"].as_str().unwrap().contains("no compiler"), "{line}");
    assert!(trial.model.requests().is_empty());
}

/// A way in which nothing goes on any more.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stuck {
    /// The agent's process is stopped.
    Agent,
    /// What `wrap` names never starts it.
    Wrap,
    /// The server never listens.
    Server,
}

/// A run with short limits that is stuck in this way, and its process.
fn stuck(way: Stuck) -> (Trial, Running) {
    let mut trial = Trial::new("trial-stuck", "[[bash touch started; sleep 300]]");
    trial.task()["limits"] = json!({"wall_s": 5});
    if way == Stuck::Wrap {
        let never = trial.sandbox.install("bench-wrap", "#!/bin/sh\nexec sleep 600\n");
        trial.order["plan"]["wrap"] = json!([never]);
    }
    if way == Stuck::Server {
        trial.sandbox.set_faults(&json!({"silent_start": true}));
        let faults = trial.sandbox.root().join("faults.json");
        trial.order["plan"]["env"]["STAND_IN_FAULTS"] = json!(faults);
        trial.arm()["opencode"] = json!(example("stand-in"));
    }
    let file = trial.write();
    let words = ["bench", "trial", file.to_str().unwrap()];
    let running = trial.sandbox.occtl(&words).timeout(RUN_TIME).spawn();
    if way == Stuck::Agent {
        trial.wait_for("agent/outbox/server.json");
        let own = trial.processes().into_iter().find(|(_, line)| line.contains("bench agent"));
        signal(own.unwrap().0, Signal::STOP);
    }
    (trial, running)
}

#[test]
fn an_agents_process_that_does_nothing_any_more_is_ended_after_its_limits() {
    // All of them wait at the same time.
    let ways = [(Stuck::Wrap, "late"), (Stuck::Server, "server_start"), (Stuck::Agent, "late")];
    let all = ways.map(|(way, name)| (way, name, stuck(way)));
    for (way, name, (trial, running)) in all {
        running.wait(RUN_TIME).ok();
        let line = trial.line();
        assert_eq!(ends(&line), ("unscored", "server_error"), "{way:?}: {line}");
        assert_eq!(line["error"]["name"], name, "{way:?}: {line}");
        assert!(trial.artifact("result.json").contains(name));
    }
}
