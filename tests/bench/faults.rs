//! What went wrong in other harnesses, and must not here.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Bench, SOON, all, both, is_prompt, task};
use crate::support::processes::{poll, signal};

/// How many prompts servers were sent so far.
fn prompts(bench: &Bench) -> usize {
    bench.sandbox.stand_in_requests().iter().filter(|request| is_prompt(request)).count()
}

#[test]
fn a_program_that_is_swapped_or_vanishes_between_two_runs_stops_its_arm() {
    let bench = Bench::new("bench-swapped", json!({}));
    let mut arm = bench.arm("a");
    arm["opencode"] = json!(bench.counting("moving", ""));
    bench.plan(&json!([task("t", &["true"])]), &json!({"repeats": 6, "arms": [arm]}));
    bench.run(&["--limit", "3"]).run().ok();
    bench.counting("moving", ": of another version;");
    let stopped = bench.run(&[]).run().fails(13);
    assert!(stopped.stderr.contains("arm a was stopped: binary_changed"), "{}", stopped.stderr);
    std::fs::remove_file(arm["opencode"].as_str().unwrap()).unwrap();
    // The plan names a path, and what is there is no program any more.
    std::fs::write(arm["opencode"].as_str().unwrap(), "").unwrap();
    let stopped = bench.run(&[]).run().fails(13);
    assert!(stopped.stderr.contains("arm a was stopped: binary_changed"), "{}", stopped.stderr);
    let lines = bench.lines();
    assert_eq!((lines.len(), prompts(&bench)), (5, 3));
    for line in &lines[3..] {
        assert_eq!((&line["result"], &line["stop"]), (&json!("unscored"), &json!("setup_error")));
        assert_eq!(line["error"]["name"], "binary_changed", "{line}");
    }
}

#[test]
fn a_batch_goes_on_although_occtl_itself_was_replaced() {
    let bench = Bench::new("bench-replaced", json!({"turn": {"hold": true}}));
    bench.plan(&both(), &json!({}));
    let copy = bench.sandbox.bin().join("occtl-copy");
    // By another process: what this one has open for writing, a program that another test starts
    // meanwhile has open too, and then the copy cannot be run.
    bench.sandbox.command("cp", &[env!("CARGO_BIN_EXE_occtl")]).args(&[&copy]).run().ok();
    let words = ["bench", "run", "plan.json", "-o", "results"];
    let run = bench.sandbox.command(&copy, &words).cwd(bench.sandbox.root());
    let running = run.timeout(SOON).spawn();
    poll(SOON, || (prompts(&bench) == 1).then_some(())).expect("a prompt");
    std::fs::remove_file(&copy).unwrap();
    bench.sandbox.install("occtl-copy", "#!/bin/sh\nexit 1\n");
    bench.sandbox.set_faults(&json!({}));
    running.wait(SOON).ok();
    let lines = bench.lines();
    assert_eq!(all(&lines, "result"), ["fail", "pass"]);
    assert!(lines.iter().all(|line| line["stop"] == "done"), "{lines:?}");
}

#[test]
fn a_program_that_is_not_there_gives_a_line_for_each_attempt() {
    let bench = Bench::new("bench-vanished", json!({}));
    let mut arm = bench.arm("a");
    arm["opencode"] = json!("no-such-opencode");
    bench.plan(&json!([task("t", &["true"])]), &json!({"arms": [arm]}));
    let ended = bench.run(&[]).run().ok();
    assert!(ended.stderr.contains("no-such-opencode on PATH"), "{}", ended.stderr);
    let lines = bench.lines();
    assert_eq!(all(&lines, "stop"), ["setup_error"; 2]);
    assert!(lines.iter().all(|line| line["error"]["name"] == "opencode"), "{lines:?}");
    assert_eq!((bench.left_running(), bench.left_in_scratch()), (0, vec![]));
}

#[test]
fn a_check_that_is_edited_during_the_batch_stops_its_task() {
    let bench = Bench::new("bench-edited", json!({}));
    let place = bench.sandbox.root().join("tasks/only");
    std::fs::create_dir_all(place.join("hidden")).unwrap();
    std::fs::write(place.join("instruction.md"), "Do it.").unwrap();
    std::fs::write(place.join("task.json"), r#"{"check": ["sh", "check.sh"]}"#).unwrap();
    let script = place.join("hidden/check.sh");
    std::fs::write(&script, format!("echo exit 0 >> '{}'", script.display())).unwrap();
    bench.plan(&json!(["tasks/*"]), &json!({"repeats": 3, "retry": {"max_attempts": 1}}));
    let ended = bench.run(&[]).run().ok();
    assert!(ended.stderr.contains("could not be scored"), "{}", ended.stderr);
    let lines = bench.lines();
    assert_eq!(all(&lines, "result"), ["pass", "unscored", "unscored"]);
    for line in &lines[1..] {
        assert_eq!((&line["stop"], &line["score"]), (&json!("check_error"), &Value::Null));
        assert_eq!(line["error"]["name"], "task_changed", "{line}");
    }
    assert_eq!(prompts(&bench), 1, "no token is spent on a task that has changed");
}

#[test]
fn runs_that_reach_their_limit_count_and_their_cut_call_is_told() {
    let bench = Bench::new("bench-limits", json!({}));
    let done = bench.sandbox.root().join("done");
    let check = format!("test -e '{}'", done.display());
    std::fs::write(&done, "").unwrap();
    let mut only = task("t", &["sh", "-c", &check]);
    only["limits"] = json!({"wall_s": 5});
    bench.plan(&json!([only]), &json!({"repeats": 3}));
    bench.run(&["--limit", "1"]).run().ok();
    std::fs::remove_file(&done).unwrap();
    bench.sandbox.set_faults(&json!({"turn": {"never_ends": true}}));
    let summary = bench.run(&["--json"]).run().ok().json();
    assert_eq!((&summary["pass"], &summary["fail"]), (&json!(1), &json!(2)), "{summary}");
    let lines = bench.lines();
    assert_eq!(all(&lines, "stop"), ["done", "wall_limit", "wall_limit"]);
    let complete: Vec<_> = lines.iter().map(|line| line["usage_complete"].clone()).collect();
    assert_eq!(complete, [true, false, false], "{lines:?}");
}

#[test]
fn a_second_try_without_a_server_is_not_taken_for_the_first_one() {
    let bench = Bench::new("bench-second-try", json!({}));
    let starts = bench.sandbox.root().join("once.starts");
    // The first of two tries starts its server before there is a check.
    let checked = bench.sandbox.root().join("checked");
    let once = format!("if [ -e '{}' ]; then exit 3; fi;", checked.display());
    let mut arm = bench.arm("a");
    arm["opencode"] = json!(bench.counting("once", &once));
    let check = format!("touch '{}'; exit 1", checked.display());
    let mut only = task("t", &["sh", "-c", &check]);
    only["tries"] = json!(2);
    bench.plan(&json!([only]), &json!({"arms": [arm], "retry": {"max_attempts": 1}}));
    bench.run(&[]).run();
    let line = &bench.lines()[0];
    assert_eq!((&line["result"], &line["stop"]), (&json!("unscored"), &json!("server_error")));
    let turn = bench.results().join(line["artifacts"].as_str().unwrap()).join("turn-1.json");
    let turn: Value = serde_json::from_str(&std::fs::read_to_string(turn).unwrap()).unwrap();
    assert_eq!(line["agent_ms"], turn["total_ms"], "one turn is counted once: {line}");
    assert!(std::fs::read_to_string(starts).unwrap().lines().count() > 1);
}

/// The ids of trials that run.
fn trials(bench: &Bench) -> Vec<u32> {
    let all = bench.sandbox.marked_processes().into_iter();
    all.filter(|(_, line)| line.contains("bench trial")).map(|(pid, _)| pid).collect()
}

#[test]
fn what_a_killed_process_had_begun_ends_with_it_and_keeps_its_attempt() {
    let bench = Bench::new("bench-orphans", json!({"turn": {"hold": true}}));
    bench.plan(&both(), &json!({}));
    let first = bench.run(&["--jobs", "2"]).spawn();
    poll(SOON, || (prompts(&bench) == 2).then_some(())).expect("two prompts");
    // One trial can record its end, the other one cannot. Nor can their parent, which is stopped
    // before it notices anything.
    first.signal(Signal::STOP);
    signal(trials(&bench)[0], Signal::KILL);
    first.signal(Signal::KILL);
    first.wait(SOON);
    poll(SOON, || trials(&bench).is_empty().then_some(())).expect("the end of both trials");
    assert!(bench.left_running() > 0);
    let status = bench.on_results("status", &["--json"]).run().ok().json();
    assert_eq!(status["progress"]["running"], 0, "nothing goes on: {status}");
    // Nor does what is no order keep the next process from its work.
    let pipe = bench.results().join("running/pipe.json");
    bench.sandbox.command("mkfifo", &[&pipe]).run().ok();
    bench.sandbox.set_faults(&json!({}));
    bench.run(&[]).run().ok();
    let lines = bench.lines();
    assert_eq!(all(&lines, "result"), ["fail", "pass", "unscored", "unscored"]);
    assert_eq!(all(&lines[..2], "stop"), ["interrupted"; 2]);
    let mut names: Vec<_> =
        lines[..2].iter().map(|line| line["error"]["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["interrupted", "torn"], "{lines:?}");
    for line in &lines {
        let files = bench.results().join(line["artifacts"].as_str().unwrap());
        assert!(Path::new(&files).join("trial.log").is_file(), "{line}");
    }
    assert_eq!((bench.left_running(), bench.left_in_scratch()), (0, vec![]));
    bench.sandbox.assert_nothing_left();
}

#[test]
fn the_files_of_an_attempt_have_a_place_even_if_it_was_killed_before_it_made_one() {
    let bench = Bench::new("bench-placeless", json!({"turn": {"hold": true}}));
    bench.plan(&json!([task("t", &["true"])]), &json!({}));
    let first = bench.run(&[]).spawn();
    poll(SOON, || (prompts(&bench) == 1).then_some(())).expect("a prompt");
    first.signal(Signal::STOP);
    trials(&bench).iter().for_each(|pid| signal(*pid, Signal::KILL));
    first.signal(Signal::KILL);
    first.wait(SOON);
    // As if that had come a moment earlier.
    std::fs::remove_dir_all(bench.results().join("artifacts")).unwrap();
    bench.sandbox.set_faults(&json!({}));
    bench.run(&[]).run().ok();
    let lines = bench.lines();
    assert_eq!(all(&lines, "stop"), ["done", "interrupted"]);
    for line in &lines {
        assert!(bench.results().join(line["artifacts"].as_str().unwrap()).is_dir(), "{line}");
    }
}
