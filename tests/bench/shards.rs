//! Several processes that make the runs of one plan, on machines that are not the same.

use serde_json::{Value, json};

use super::scarce::CLOCK;
use super::{Bench, SOON, all, both, is_prompt, task};
use crate::support::processes::poll;

/// Waits until a number of prompts was sent.
fn prompts(bench: &Bench, wanted: usize) {
    let sent = || {
        let requests = bench.sandbox.stand_in_requests();
        (requests.iter().filter(|request| is_prompt(request)).count() >= wanted).then_some(())
    };
    poll(SOON, sent).expect("prompts");
}

#[test]
fn a_second_process_on_a_shard_is_refused_and_the_other_shards_are_not() {
    let bench = Bench::new("shards-twice", json!({"turn": {"hold": true}}));
    bench.plan(&both(), &json!({}));
    let first = bench.run(&["--shard", "1/2"]).spawn();
    prompts(&bench, 1);
    let refused = bench.run(&["--shard", "1/2", "--json"]).run().fails(9).json_error();
    assert_eq!(refused["code"], "store", "{refused}");
    let second = bench.run(&["--shard", "2/2"]).spawn();
    prompts(&bench, 2);
    let status = bench.on_results("status", &["--json"]).run().ok().json();
    assert_eq!(status["working"], json!(["1/2", "2/2"]));
    bench.sandbox.set_faults(&json!({}));
    first.wait(SOON).ok();
    second.wait(SOON).ok();
    assert_eq!(all(&bench.lines(), "shard"), ["1/2", "2/2"]);
}

#[test]
fn shards_that_begin_together_with_different_plans_do_not_both_work() {
    let bench = Bench::new("shards-plans", json!({}));
    bench.plan(&both(), &json!({}));
    let one = bench.run(&["--shard", "1/2"]);
    let other = bench.path("other.json");
    let text = std::fs::read_to_string(bench.plan_file()).unwrap();
    std::fs::write(&other, text.replace("Do good.", "Do it well.")).unwrap();
    let results = bench.results().display().to_string();
    let words = ["bench", "run", other.to_str().unwrap(), "-o", &results, "--shard", "2/2"];
    let two = bench.sandbox.occtl(&words).timeout(SOON);
    let (one, two) = (one.spawn(), two.spawn());
    let ended = [one.wait(SOON), two.wait(SOON)];
    let mut statuses: Vec<i32> = ended.iter().map(|ended| ended.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 2], "{ended:?}");
    assert!(ended.iter().any(|ended| ended.stderr.contains("has another plan")), "{ended:?}");
    assert_eq!(bench.lines().len(), 1);
}

#[test]
fn a_finished_batch_is_none_of_another_night_but_a_shard_may_be_started_again() {
    let bench = Bench::new("shards-finished", json!({}));
    bench.plan(&both(), &json!({}));
    let shard =
        |name: &str, batch: &str| bench.run(&["--shard", name]).env("OCCTL_BATCH", batch).run();
    shard("1/2", "night-1").ok();
    shard("2/2", "night-1").ok();
    // A scheduler that did not learn of the end starts it again.
    let again = shard("2/2", "night-1").ok();
    assert!(again.stderr.contains("shard 2/2: nothing left"), "{again:?}");
    for batch in ["night-2", ""] {
        let other = shard("2/2", batch).fails(2);
        assert!(other.stderr.contains("nothing to run: finished"), "{other:?}");
    }
    assert_eq!(bench.lines().len(), 2);
}

#[test]
fn tasks_of_an_array_that_begin_later_find_how_many_there_are() {
    let bench = Bench::new("shards-array", json!({}));
    bench.plan(&both(), &json!({}));
    let array = |index: &str, [min, max, count]: [&str; 3], words: &[&str]| {
        let run = bench.run(&["--shard", "auto", "--json"]).args(words);
        let run = run.env("SLURM_ARRAY_TASK_ID", index).env("SLURM_ARRAY_TASK_COUNT", count);
        let run = run.env("SLURM_ARRAY_TASK_MIN", min).env("SLURM_ARRAY_TASK_MAX", max);
        run.env("SLURM_ARRAY_TASK_STEP", "1").env("SLURM_ARRAY_JOB_ID", "41")
    };
    for wrong in [["0", "1", "2"], ["1", "3", "2"]] {
        let refused = array(wrong[0], wrong, &[]).run().fails(2).json_error();
        assert!(refused["hint"].as_str().unwrap().contains("--shards N"), "{refused}");
    }
    let from_0 = array("0", ["0", "1", "2"], &["--shards", "2"]).run().fails(2).json_error();
    assert_eq!(from_0["message"], "there is no shard 0 of 2");
    assert!(!bench.results().exists());
    let first = array("1", ["1", "2", "2"], &[]).run().ok().json();
    assert_eq!((&first["shard"], &first["batch"]), (&json!("1/2"), &json!("41")));
    // The second task alone, as it is started again: its array has one task.
    let second = array("2", ["2", "2", "1"], &[]).run().ok().json();
    assert_eq!((&second["shard"], &second["finished"]), (&json!("2/2"), &json!(true)));
    array("3", ["3", "3", "1"], &[]).run().fails(2);
}

#[test]
fn a_host_whose_clock_is_an_hour_behind_does_its_part() {
    let bench = Bench::new("shards-clock", json!({"turn": {"hold": true}}));
    let behind = bench.path("behind");
    let define = format!("-DSTEPPED=\"{}\"", behind.display());
    let Some(shim) = bench.shim(CLOCK, &define) else { return };
    std::fs::write(&behind, "").unwrap();
    let tasks: Vec<Value> = (0..4).map(|at| task(&format!("t{at}"), &["true"])).collect();
    bench.plan(&json!(tasks), &json!({"repeats": 2}));
    let slow = bench.run(&["--shard", "1/2"]).env("LD_PRELOAD", &shim).spawn();
    prompts(&bench, 1);
    let other = bench.run(&["--shard", "2/2"]).spawn();
    prompts(&bench, 2);
    bench.sandbox.set_faults(&json!({}));
    slow.wait(SOON).ok();
    other.wait(SOON).ok();
    let lines = bench.lines();
    assert_eq!(lines.len(), 8);
    assert_eq!(all(&lines, "result"), ["pass"; 8]);
    let began = |shard: &str| {
        let of_shard = lines.iter().filter(|line| line["shard"] == shard);
        let times = of_shard.map(|line| line["started_at"].as_str().unwrap());
        times.map(|time| time.parse::<jiff::Timestamp>().unwrap()).collect::<Vec<_>>()
    };
    let (early, late) = (began("1/2"), began("2/2"));
    assert!(early.iter().max() < late.iter().min(), "the clocks do not differ: {lines:?}");
    let report = bench.bench(&["report", "results", "--json"]).run().ok();
    assert_eq!(report.json()["nights"][0]["arms"][0]["passes"], 8, "{}", report.stdout);
    bench.run(&["--shard", "1/2"]).env("LD_PRELOAD", &shim).run().fails(2);
}

#[test]
fn a_dry_run_tells_how_long_more_machines_would_take() {
    let bench = Bench::new("shards-expected", json!({}));
    let tasks: Vec<Value> = (0..6).map(|at| task(&format!("t{at}"), &["true"])).collect();
    bench.plan(&json!(tasks), &json!({"arms": [{"id": "a", "model": "scripted/a"}]}));
    let plan: Value =
        serde_json::from_str(&std::fs::read_to_string(bench.plan_file()).unwrap()).unwrap();
    bench.write("old", &plan, &mut |_| {
        Some(json!({"result": "pass", "setup_ms": 1000, "server_start_ms": 2000,
                    "agent_ms": 6000, "check_ms": 1000}))
    });
    let dry = |words: &[&str]| {
        let run = bench.run(&["--dry-run", "--from", "old"]).args(words);
        run.cwd(bench.sandbox.root()).run()
    };
    let expected = |words: &[&str]| {
        let found = dry(&[words, &["--json"]].concat()).ok().json()["forecast"].clone();
        let runs = found["makespan"]["known"].as_f64().unwrap();
        // Two of six tasks on each of three machines, at 900 s each.
        let most = if words.is_empty() { 5400.0 } else { 1800.0 };
        assert_eq!(found["longest_s"], most);
        assert!((found["cost_usd"].as_f64().unwrap() - 0.01 * runs).abs() < 1e-9, "{found}");
        found["makespan"].clone()
    };
    let one = expected(&[]);
    assert_eq!(
        (&one["median_s"], &one["busy"], &one["known"]),
        (&json!(60.0), &json!(1.0), &json!(6))
    );
    let three = expected(&["--jobs", "1", "--shards", "3"]);
    assert_eq!((&three["median_s"], &three["shards"]), (&json!(20.0), &json!(3)));
    let second = expected(&["--shard", "2/3"]);
    assert_eq!((&second["median_s"], &second["shards"]), (&json!(20.0), &json!(1)));
    let said = dry(&["--shards", "3"]).ok().stderr;
    assert!(said.contains("3 machines with 1 at once need 20 s (20 s at most"), "{said}");
    let without = bench.run(&["--dry-run", "--json"]).run().ok().json();
    assert_eq!(without["forecast"]["makespan"], Value::Null);
    for wrong in [["--shards", "0"], ["--shards", "100001"], ["--shards", "x"]] {
        dry(&wrong).fails(2);
    }
    bench.run(&["--dry-run", "--from", "nosuch"]).run().fails(3);
    bench.run(&["--from", "old"]).run().fails(2);
    assert!(!bench.results().exists());
}

/// The lock of a shard lies on a file system without locks.
const NO_LOCKS: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int flock(int file, int operation) {
    char name[64], path[4096] = "";
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    if (readlink(name, path, sizeof path - 1) > 0 && strstr(path, "/.shard-")) {
        errno = ENOLCK;
        return -1;
    }
    return syscall(SYS_flock, file, operation);
}
"#;

#[test]
fn where_there_are_no_locks_a_second_process_sees_that_the_first_one_is_alive() {
    let bench = Bench::new("shards-no-locks", json!({"turn": {"hold": true}}));
    let Some(shim) = bench.shim(NO_LOCKS, "-DNO_LOCKS") else { return };
    bench.plan(&both(), &json!({}));
    let shard = || bench.run(&["--shard", "1/2"]).env("LD_PRELOAD", &shim);
    let first = shard().spawn();
    prompts(&bench, 1);
    let refused = shard().run().fails(9);
    assert!(refused.stderr.contains("waiting up to 45 s for a sign"), "{refused:?}");
    let status = bench.on_results("status", &["--json"]).env("LD_PRELOAD", &shim);
    assert_eq!(status.run().ok().json()["working"], json!(["1/2"]));
    bench.sandbox.set_faults(&json!({}));
    first.wait(SOON).ok();
    // It has said that it has ended, so the next one does not wait.
    let again = shard().run().ok();
    assert!(!again.stderr.contains("waiting"), "{again:?}");
    assert_eq!(bench.lines().len(), 1);
}
