//! What a batch spends, and when it stops.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Bench, SOON, all, both, task};
use crate::support::processes::poll;

#[test]
fn what_cannot_be_scored_is_tried_again_and_every_attempt_keeps_its_line() {
    let error = json!({"name": "APIError", "data": {"message": "overloaded", "statusCode": 529}});
    let bench = Bench::new("bench-retry", json!({"turn": {"error": error}}));
    bench.plan(&json!([task("only", &["true"])]), &json!({"retry": {"max_attempts": 3}}));
    let ended = bench.run(&[]).run().ok();
    assert!(ended.stderr.contains("could not be scored"), "{}", ended.stderr);
    let lines = bench.lines();
    assert_eq!(all(&lines, "result"), ["unscored"; 3]);
    assert_eq!(all(&lines, "stop"), ["provider_error"; 3]);
    let attempts: Vec<_> = lines.iter().map(|line| line["attempt"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert!(lines.iter().all(|line| line["score"].is_null()), "a missing verdict is not 0");
    bench.run(&[]).run().fails(2);
    bench.sandbox.set_faults(&json!({}));
    bench.run(&["--rerun", "unscored"]).run().ok();
    assert_eq!(bench.lines().len(), 4);
    assert_eq!(bench.outcomes()[0].3, "pass");
}

#[test]
fn an_outage_holds_the_runs_of_its_provider_and_uses_up_no_attempt() {
    let bench = outage("bench-outage", &json!({"max_attempts": 1, "hold_s": 0.5}));
    let ended = bench.run(&["--json"]).run().fails(12);
    assert!(ended.stderr.contains("scripted"), "{}", ended.stderr);
    assert_eq!(bench.lines().len(), 5, "the sixth was held");
    bench.sandbox.set_faults(&json!({}));
    let ended = bench.run(&["--json"]).run().ok().json();
    assert_eq!((&ended["pass"], &ended["unscored"]), (&json!(8), &json!(0)), "{ended}");
}

/// A stand-in whose provider is down, with more runs than an outage needs.
fn outage(name: &str, retry: &Value) -> Bench {
    let error = json!({"name": "APIError", "data": {"message": "broken", "statusCode": 500}});
    let bench = Bench::new(name, json!({"turn": {"error": error}}));
    let tasks: Vec<Value> = (0..8).map(|number| task(&format!("t{number}"), &["true"])).collect();
    bench.plan(&json!(tasks), &json!({"retry": retry}));
    bench
}

#[test]
fn runs_that_are_held_are_told_once_with_the_reason_and_the_next_try() {
    let bench = outage("bench-held", &json!({"max_attempts": 1}));
    let running = bench.run(&["-j", "2"]).spawn();
    let held = "occtl: held: 5 runs of provider scripted failed in a row; one run tries again in \
                1 min; last error: provider: broken\n";
    running.wait_for_stderr(held, SOON);
    running.signal(Signal::INT);
    let ended = running.wait(SOON).fails(130);
    assert_eq!(ended.stderr.matches("held: ").count(), 1, "{}", ended.stderr);
    let bench = outage("bench-held-briefly", &json!({"max_attempts": 1, "hold_s": 0.5}));
    let ended = bench.run(&["--json"]).run().fails(12);
    let notices: Vec<Value> =
        ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let held = notices.iter().filter_map(|line| line["notice"].as_str());
    let held: Vec<&str> = held.filter(|line| line.starts_with("held: 5 runs ")).collect();
    assert!(held.len() == 1 && held[0].contains("; the batch ends in 1 s; "), "{notices:?}");
}

#[test]
fn the_status_on_a_terminal_says_when_held_runs_are_tried_again() {
    let bench = outage("bench-held-terminal", &json!({"max_attempts": 1, "hold_s": 90}));
    let plan = bench.plan_file().display().to_string();
    let results = bench.results().display().to_string();
    let inner = format!("exec '{}' bench run '{plan}' -o '{results}'", env!("CARGO_BIN_EXE_occtl"));
    let words = ["-qec", &inner, "/dev/null"];
    let terminal = bench.sandbox.command("script", &words).env("SHELL", "/bin/sh");
    let running = terminal.env("TERM", "xterm").timeout(SOON).spawn();
    let seen = || running.stdout();
    poll(SOON, || seen().contains(", held: next try in ").then_some(())).expect("a status");
    assert!(seen().contains("one run tries again in 1 min; "), "{}", seen());
    running.signal(Signal::TERM);
    running.wait(SOON);
    bench.sandbox.wait_for_nothing_left(SOON);
}

#[test]
fn a_key_that_is_refused_stops_its_arm_and_no_other() {
    let bench = Bench::new("bench-arm", json!({}));
    let refused =
        json!({"name": "APIError", "data": {"message": "invalid key", "statusCode": 401}});
    bench.sandbox.set_faults(&json!({"turn": {"error": refused}}));
    bench.plan(&both(), &json!({"repeats": 3}));
    let ended = bench.run(&["--json"]).run().fails(13);
    let summary = ended.json();
    assert_eq!(summary["stopped_arms"][0]["arm"], "a", "{summary}");
    assert_eq!(bench.lines().len(), 1, "nothing more of that arm was started");
    let again = bench.run(&["--json"]).run().fails(13);
    assert!(again.stderr.contains("would stop again"), "{}", again.stderr);
}

#[test]
fn a_spent_budget_ends_the_batch() {
    let bench = Bench::new("bench-budget", json!({}));
    // A run on the stand-in costs some hundred-thousandths of a dollar.
    bench.plan(&both(), &json!({"repeats": 3, "budget_usd": 0.00001}));
    bench.run(&[]).run().fails(13);
    let lines = bench.lines();
    assert_eq!(lines.len(), 1, "the first run has cost more than that");
    assert!(lines[0]["cost_usd"].as_f64().unwrap() > 0.00001, "{}", lines[0]);
    assert_eq!(lines[0]["cost_source"], "opencode");
    bench.run(&[]).run().fails(13);
    assert_eq!(bench.lines().len(), 1);
}

#[test]
fn each_shard_has_its_own_part_of_the_budget() {
    let bench = Bench::new("bench-parts", json!({}));
    // A part is worth more than one run on the stand-in and less than two.
    bench.plan(&both(), &json!({"repeats": 3, "budget_usd": 0.0003}));
    for shard in ["1/2", "2/2"] {
        bench.run(&["--shard", shard]).run().fails(13);
        let lines = bench.lines();
        let own: Vec<_> = lines.iter().filter(|line| line["shard"] == shard).collect();
        assert_eq!(own.len(), 2, "{own:?}");
    }
}

#[test]
fn a_dry_run_of_a_finished_batch_costs_nothing_and_not_minus_nothing() {
    let bench = Bench::new("bench-nothing-left", json!({}));
    bench.plan(&both(), &json!({}));
    bench.run(&[]).run().ok();
    let shown = bench.run(&["--dry-run"]).run().ok();
    assert!(shown.stderr.contains("they cost 0.00 US dollars"), "{}", shown.stderr);
    let told = bench.run(&["--dry-run", "--json"]).run().ok();
    assert!(!told.stdout.contains("-0.0"), "{}", told.stdout);
    assert_eq!(told.json()["forecast"]["cost_usd"], 0.0);
}
