//! `bench run`: every run once, in any number of processes, and never twice.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Bench, SOON, all, both, is_prompt, task};
use crate::support::processes::poll;

#[test]
fn every_run_leaves_a_line_and_its_files_and_a_finished_batch_has_nothing_to_run() {
    let bench = Bench::new("bench-all", json!({}));
    bench.plan(&both(), &json!({"repeats": 2}));
    let ended = bench.run(&["--jobs", "2", "--json"]).run().ok();
    let summary = ended.json();
    assert_eq!([&summary["runs"], &summary["done"]], [4, 4], "{summary}");
    assert_eq!([&summary["pass"], &summary["fail"]], [2, 2], "{summary}");
    assert_eq!(summary["finished"], true);
    let lines = bench.lines();
    assert_eq!(all(&lines, "result"), ["fail", "fail", "pass", "pass"]);
    for line in &lines {
        let files = bench.results().join(line["artifacts"].as_str().unwrap());
        for name in ["turn.json", "transcript.json", "server.log", "answer.patch", "result.json"] {
            assert!(files.join(name).is_file(), "{name} of {line}");
        }
        assert_eq!((&line["type"], &line["schema"]), (&json!("result"), &json!(1)));
        assert_eq!(line["stop"], "done", "{line}");
        assert!(line["tokens"]["input"].as_u64().unwrap() > 0, "{line}");
    }
    let again = bench.run(&["--json"]).run().fails(2).json_error();
    let moment = again["message"].as_str().unwrap().strip_prefix("nothing to run: finished ");
    let moment = moment.expect("it says when the batch was finished");
    assert!(moment.len() == "2026-11-30T17:33:06Z".len() && moment.starts_with("20"), "{moment}");
    assert_eq!(bench.lines().len(), 4);
    // What is refused changes nothing, whatever the plan says now.
    let known = || std::fs::read_to_string(bench.results().join("plan.json")).unwrap();
    let before = known();
    bench.plan(&json!([task("good", &["true"])]), &json!({"repeats": 1}));
    bench.run(&[]).run().fails(2);
    assert_eq!(known(), before);
    assert!(std::fs::read_dir(bench.results().join("running")).unwrap().next().is_none());
    bench.sandbox.assert_nothing_left();
}

#[test]
fn the_order_is_repeat_by_repeat_with_the_arms_of_a_block_side_by_side() {
    let bench = Bench::new("bench-order", json!({}));
    let tasks: Vec<Value> = (0..5).map(|number| task(&format!("t{number}"), &["true"])).collect();
    let arms = json!([bench.arm("a"), bench.arm("b"), bench.arm("c")]);
    bench.plan(&json!(tasks), &json!({"repeats": 3, "arms": arms}));
    let order = || {
        let shown = bench.run(&["--dry-run", "--json"]).run().ok().json();
        shown["runs"].as_array().unwrap().clone()
    };
    let runs = order();
    assert_eq!(runs.len(), 45);
    for (at, block) in runs.chunks(3).enumerate() {
        assert!(block.iter().all(|run| run["task"] == block[0]["task"]), "{block:?}");
        assert_eq!(all(block, "arm"), ["a", "b", "c"]);
        assert_eq!(block[0]["repeat"], 1 + at / 5);
    }
    let tasks_of = |repeat: usize| {
        let blocks = runs.chunks(3).skip(5 * repeat).take(5);
        blocks.map(|block| block[0]["task"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert!((0..3).any(|repeat| !tasks_of(repeat).is_sorted()), "the order is random");
    assert_eq!(order(), runs, "and the same each time");
    assert!(!bench.results().exists(), "nothing was written");
}

#[test]
fn flags_choose_runs_and_the_rest_is_left() {
    let bench = Bench::new("bench-choose", json!({}));
    let tagged = json!({"id": "tagged", "instruction": "x", "check": ["true"], "tags": ["slow"]});
    bench.plan(&json!([task("good", &["true"]), tagged]), &json!({"repeats": 2}));
    bench.run(&["--tag", "slow", "--repeats", "1"]).run().ok();
    assert_eq!(all(&bench.lines(), "task"), ["tagged"]);
    // All that was chosen is done, and the batch is not.
    bench.run(&["--tag", "slow", "--repeats", "1"]).run().ok();
    assert_eq!(bench.lines().len(), 1);
    bench.run(&["--task", "g*", "--limit", "1"]).run().ok();
    assert_eq!(all(&bench.lines(), "task"), ["good", "tagged"]);
    for wrong in [["--task", "nosuch"], ["--tag", "nosuch"], ["--arm", "nosuch"]] {
        bench.run(&wrong).run().fails(2);
    }
    for wrong in ["0", "100001", "4294967295"] {
        let error = bench.run(&["--repeats", wrong, "--json"]).run().fails(2).json_error();
        assert_eq!(error["hint"], "a whole number from 1 to 100000");
    }
    bench.run(&[]).run().ok();
    assert_eq!(bench.lines().len(), 4);
    // More repeats open a finished directory.
    bench.run(&["--repeats", "3"]).run().ok();
    assert_eq!(bench.lines().len(), 6);
    let ids: std::collections::BTreeSet<_> =
        bench.lines().iter().map(|line| line["run_id"].to_string()).collect();
    assert_eq!(ids.len(), 6, "no run was made twice");
}

#[test]
fn a_second_process_on_one_directory_is_refused() {
    let bench = Bench::new("bench-second", json!({"turn": {"hold": true}}));
    bench.plan(&both(), &json!({}));
    let first = bench.run(&[]).spawn();
    let prompted = || bench.sandbox.stand_in_requests().iter().any(is_prompt).then_some(());
    poll(SOON, prompted).expect("a prompt");
    let second = bench.run(&["--json"]).run().fails(9).json_error();
    assert_eq!(second["code"], "store", "{second}");
    let status = bench.on_results("status", &["--json"]).run().ok().json();
    assert_eq!(status["working"], json!(["1/1"]));
    assert_eq!(status["progress"]["running"], 1);
    bench.sandbox.set_faults(&json!({}));
    first.wait(SOON).ok();
    assert_eq!(bench.lines().len(), 2);
}

#[test]
fn a_signal_ends_the_turns_within_eight_seconds_and_the_same_command_goes_on() {
    let bench = Bench::new("bench-signal", json!({"turn": {"hold": true}}));
    bench.plan(&both(), &json!({}));
    let first = bench.run(&["--jobs", "2"]).spawn();
    let prompts = || {
        let all = bench.sandbox.stand_in_requests();
        let count = all.iter().filter(|request| is_prompt(request)).count();
        (count == 2).then_some(())
    };
    poll(SOON, prompts).expect("two prompts");
    let began = std::time::Instant::now();
    first.signal(Signal::TERM);
    let ended = first.wait(SOON).fails(143);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert!(ended.stderr.contains("the same command continues"), "{}", ended.stderr);
    let lines = bench.lines();
    assert_eq!(all(&lines, "stop"), ["interrupted", "interrupted"]);
    assert_eq!(all(&lines, "result"), ["unscored", "unscored"]);
    bench.sandbox.assert_nothing_left();
    bench.sandbox.set_faults(&json!({}));
    bench.run(&[]).run().ok();
    let lines = bench.lines();
    assert_eq!(lines.len(), 4, "the interrupted attempts keep their lines");
    assert_eq!(lines[2]["attempt"], 2);
    assert_eq!(all(&lines[2..], "result"), ["fail", "pass"]);
}

#[test]
fn shards_share_the_runs_and_the_batch_is_finished_when_all_are() {
    let bench = Bench::new("bench-shards", json!({}));
    let tasks: Vec<Value> = (0..3).map(|number| task(&format!("t{number}"), &["true"])).collect();
    let arms = json!([bench.arm("a"), bench.arm("b")]);
    bench.plan(&json!(tasks), &json!({"arms": arms}));
    let ended = bench.run(&["--shard", "1/2", "--json"]).run().ok().json();
    assert_eq!(ended["finished"], false);
    let again = bench.run(&["--shard", "1/2"]).run().ok();
    assert!(again.stderr.contains("shard 1/2: nothing left"), "{}", again.stderr);
    bench.run(&["--shard", "1/3"]).run().fails(2);
    bench.run(&["--shard", "3/2"]).run().fails(2);
    let ended = bench.run(&["--shard", "auto", "--shards", "2", "--json"]);
    let ended = ended.env("JOB_COMPLETION_INDEX", "1").run().ok().json();
    assert_eq!(ended["finished"], true);
    let lines = bench.lines();
    let ids: std::collections::BTreeSet<_> =
        lines.iter().map(|line| line["run_id"].to_string()).collect();
    assert_eq!((lines.len(), ids.len()), (6, 6));
    for task in ["t0", "t1", "t2"] {
        let of_task: Vec<&str> = lines
            .iter()
            .filter(|line| line["task"] == task)
            .map(|line| line["shard"].as_str().unwrap())
            .collect();
        assert_eq!(of_task.len(), 2);
        assert_eq!(of_task[0], of_task[1], "the arms of a block are on one machine");
    }
    // A shard cannot go by another plan.
    bench.plan(&json!(tasks), &json!({"arms": arms, "repeats": 2}));
    bench.run(&["--shard", "2/2"]).run().fails(2);
}

#[test]
fn a_changed_plan_keeps_what_it_still_has_and_counts_what_it_has_no_more() {
    let bench = Bench::new("bench-changed", json!({}));
    bench.plan(&both(), &json!({}));
    bench.run(&[]).run().ok();
    bench.plan(&json!([task("good", &["true"]), task("new", &["true"])]), &json!({}));
    let ended = bench.run(&["--json"]).run().ok();
    assert!(
        ended.stderr.contains("1 recorded run is not in this plan, and stays"),
        "{}",
        ended.stderr
    );
    let ended = ended.json();
    assert_eq!((&ended["runs"], &ended["pass"]), (&json!(2), &json!(2)));
    assert_eq!(all(&bench.lines(), "task"), ["bad", "good", "new"]);
    let status = bench.on_results("status", &["--json"]).run().ok().json();
    assert_eq!(status["not_in_plan"], 1);
}

#[test]
fn a_plan_of_another_name_without_one_run_in_common_takes_no_directory_over() {
    let bench = Bench::new("bench-taken-over", json!({}));
    bench.plan(&json!([task("good", &["true"])]), &json!({"name": "first"}));
    bench.run(&[]).run().ok();
    let plan = std::fs::read(bench.results().join("plan.json")).unwrap();
    bench.plan(&json!([task("other", &["true"])]), &json!({"name": "second"}));
    let refused = bench.run(&[]).run().fails(2);
    let said = "has only results of the plan \"first\"";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    let hint = "-o names another directory for the plan \"second\"";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    let foretold = bench.run(&["--dry-run"]).run().fails(2);
    assert!(foretold.stderr.contains(hint), "{}", foretold.stderr);
    assert_eq!(std::fs::read(bench.results().join("plan.json")).unwrap(), plan);
    assert_eq!(bench.lines().len(), 1);
    // A plan in which everything was changed is still the same one by its name.
    bench.plan(&json!([task("other", &["true"])]), &json!({"name": "first"}));
    bench.run(&[]).run().ok();
}

#[test]
fn torn_doubled_and_foreign_lines_are_told_and_never_counted() {
    let bench = Bench::new("bench-torn", json!({}));
    bench.plan(&both(), &json!({}));
    bench.run(&[]).run().ok();
    let file = bench.results().join("results-1-of-1.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let torn = &lines[1][..lines[1].len() / 2];
    let foreign = lines[0].replace("\"batch\":\"", "\"batch\":\"other-");
    let newer = lines[0].replace("\"schema\":1", "\"schema\":2");
    assert_ne!(newer, lines[0]);
    let all = format!("{0}\n{0}\n{foreign}\n{newer}\nnot JSON\n\n{torn}", lines[0]);
    std::fs::write(&file, all).unwrap();
    let status = bench.on_results("status", &["--json"]).run().ok().json();
    assert_eq!((&status["doubled_lines"], &status["foreign_lines"]), (&json!(1), &json!(4)));
    assert_eq!(status["progress"]["done"], 1);
    let requests = bench.sandbox.stand_in_requests().len();
    bench.run(&[]).run().ok();
    let status = bench.on_results("status", &["--json"]).run().ok().json();
    assert_eq!(status["finished"], true, "{status}");
    assert_eq!(status["progress"]["done"], 2);
    assert_eq!(bench.sandbox.stand_in_requests().len(), requests, "its files had the line");
}

#[test]
fn show_tells_prompt_check_and_changes_of_one_run() {
    let bench = Bench::new("bench-show", json!({}));
    let check = ["sh", "-c", "echo the check speaks; false"];
    bench.plan(&json!([task("only", &check)]), &json!({}));
    bench.run(&[]).run().ok();
    let shown = bench.on_results("show", &["only/a/1"]).run().ok().stdout;
    for part in ["fail only a #1", "Do only.", "the check speaks"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    let id = bench.lines()[0]["run_id"].as_str().unwrap().to_owned();
    let json = bench.on_results("show", &[&id[..12], "--json"]).run().ok().json();
    assert_eq!(json["result"]["run_id"], id);
    assert_eq!(json["turn"]["outcome"], "ok");
    bench.on_results("show", &["nosuch"]).run().fails(3);
}
