//! `bench recheck`: the stored answers, graded again.

use serde_json::json;

use super::{Bench, all};

#[test]
fn a_mended_check_grades_the_stored_answers_again_and_names_what_flipped() {
    let bench = Bench::new("bench-recheck", json!({}));
    let place = bench.sandbox.root().join("tasks/only");
    std::fs::create_dir_all(place.join("hidden")).unwrap();
    std::fs::write(place.join("instruction.md"), "Do it.").unwrap();
    std::fs::write(place.join("task.json"), r#"{"check": ["sh", "check.sh"]}"#).unwrap();
    std::fs::write(place.join("hidden/check.sh"), "exit 1").unwrap();
    bench.plan(&json!(["tasks/*"]), &json!({"repeats": 2}));
    bench.run(&[]).run().ok();
    assert_eq!(all(&bench.lines(), "result"), ["fail", "fail"]);
    let before = bench.sandbox.stand_in_requests().len();
    std::fs::write(place.join("hidden/check.sh"), "exit 0").unwrap();
    let found = bench.on_results("recheck", &["--json"]).run().ok().json();
    assert_eq!((&found["graded"], &found["recheck"]), (&json!(2), &json!(1)), "{found}");
    assert_eq!(found["flips"].as_array().unwrap().len(), 2);
    assert_eq!(found["flips"][0]["from"], "fail");
    assert_eq!(found["flips"][0]["to"], "pass");
    assert_eq!(bench.sandbox.stand_in_requests().len(), before, "no token was spent");
    assert_eq!(all(&bench.lines(), "result"), ["fail", "fail"], "old lines stay");
    assert!(bench.outcomes().iter().all(|run| run.3 == "pass"), "the newest line counts");
    let again = bench.on_results("recheck", &[]).run().ok().stdout;
    assert!(again.contains("2 graded, 0 with another result"), "{again}");
    bench.sandbox.assert_nothing_left();
}

#[test]
fn verdicts_of_another_grader_are_taken_by_run_or_by_place() {
    let bench = Bench::new("bench-verdicts", json!({}));
    bench.plan(&super::both(), &json!({}));
    bench.run(&[]).run().ok();
    let lines = bench.lines();
    let good = lines.iter().find(|line| line["task"] == "good").unwrap();
    let file = bench.sandbox.root().join("verdicts.jsonl");
    let by_run = json!({"run_id": good["run_id"], "result": "fail", "score": 0.25});
    let by_place = json!({"task": "bad", "arm": "a", "repeat": 1, "result": "pass"});
    std::fs::write(&file, format!("{by_run}\n{by_place}\n")).unwrap();
    let from = file.display().to_string();
    let found = bench.on_results("recheck", &["--from", &from, "--json"]).run().ok().json();
    assert_eq!(found["flips"].as_array().unwrap().len(), 2, "{found}");
    let outcomes = bench.outcomes();
    assert_eq!((outcomes[0].3.as_str(), outcomes[1].3.as_str()), ("pass", "fail"));
    std::fs::write(&file, json!({"good": {"resolved": true}}).to_string()).unwrap();
    bench.on_results("recheck", &["--from", &from, "--arm", "a"]).run().ok();
    assert_eq!(bench.outcomes()[1].3, "pass");
    std::fs::write(&file, "{\"result\": \"maybe\"}\n").unwrap();
    bench.on_results("recheck", &["--from", &from]).run().fails(2);
}

#[test]
fn what_cannot_be_graded_keeps_its_result_and_is_told() {
    let bench = Bench::new("bench-ungraded", json!({}));
    let script = bench.sandbox.root().join("check.sh");
    let check = json!(["sh", script]);
    std::fs::write(&script, "exit 0").unwrap();
    let tasks = json!([{"id": "t", "instruction": "x", "check": check}]);
    bench.plan(&tasks, &json!({"repeats": 2}));
    bench.run(&[]).run().ok();
    std::fs::write(&script, "exit 75").unwrap();
    let ended = bench.on_results("recheck", &["--json"]).run().fails(1);
    let found = ended.json();
    assert_eq!((&found["graded"], &found["flips"]), (&json!(0), &json!([])), "{found}");
    assert_eq!(found["ungraded"].as_array().unwrap().len(), 2, "{found}");
    assert_eq!(found["ungraded"][0]["task"], "t");
    assert!(ended.stderr.contains("status 75"), "{}", ended.stderr);
    assert!(bench.outcomes().iter().all(|run| run.3 == "pass"), "what was known is known");
    let status = bench.on_results("status", &["--json"]).run().ok().json();
    assert_eq!(status["finished"], true, "{status}");
    std::fs::write(&script, "exit 1").unwrap();
    let found = bench.on_results("recheck", &["--json"]).run().ok().json();
    assert_eq!((&found["graded"], &found["ungraded"]), (&json!(2), &json!([])), "{found}");
}

#[test]
fn a_second_recheck_of_a_directory_is_refused() {
    let bench = Bench::new("bench-recheck-twice", json!({}));
    bench.plan(&super::both(), &json!({}));
    bench.run(&[]).run().ok();
    bench.on_results("recheck", &[]).run().ok();
    let first = std::fs::File::open(bench.results().join(".recheck.lock")).unwrap();
    fs2::FileExt::lock_exclusive(&first).unwrap();
    let second = bench.on_results("recheck", &["--json"]).run().fails(9).json_error();
    assert_eq!(second["code"], "store", "{second}");
    assert!(!bench.results().join("recheck-2.jsonl").exists());
    drop(first);
    bench.on_results("recheck", &[]).run().ok();
}

#[test]
fn verdicts_about_other_runs_are_not_taken_for_none() {
    let bench = Bench::new("bench-verdicts-unknown", json!({}));
    bench.plan(&super::both(), &json!({}));
    bench.run(&[]).run().ok();
    let file = bench.sandbox.root().join("verdicts.jsonl");
    let from = file.display().to_string();
    let strange = r#"{"run_id": "zz", "result": "pass"}
        {"task": "good", "arm": "a", "repeat": 99, "result": "fail"}"#;
    for nothing in ["", strange] {
        std::fs::write(&file, nothing).unwrap();
        let error = bench.on_results("recheck", &["--from", &from, "--json"]).run().fails(3);
        assert!(
            error.stderr.contains("no verdict is about a run") || nothing.is_empty(),
            "{nothing}"
        );
        assert!(!bench.results().join("recheck-1.jsonl").exists());
    }
    let known = r#"{"task": "bad", "arm": "a", "repeat": 1, "result": "pass"}"#;
    std::fs::write(&file, format!("{strange}\n{known}\n")).unwrap();
    let ended = bench.on_results("recheck", &["--from", &from, "--json"]).run().ok();
    assert_eq!(ended.json()["unknown_verdicts"], 2, "{}", ended.stdout);
    assert!(ended.stderr.contains("2 of the verdicts"), "{}", ended.stderr);
    assert_eq!(ended.json()["without"], 1, "{}", ended.stdout);
}

#[test]
fn a_run_of_which_another_grader_says_nothing_is_not_told_to_have_no_answer() {
    let bench = Bench::new("bench-verdicts-some", json!({}));
    bench.plan(&super::both(), &json!({}));
    bench.run(&["--limit", "1"]).run().ok();
    let made = bench.lines()[0]["run_id"].clone();
    let graded = bench.on_results("recheck", &[]).run().ok().stdout;
    assert!(graded.contains("1 graded, 0 with another result, 1 without answer"), "{graded}");
    bench.run(&[]).run().ok();
    let file = bench.sandbox.root().join("verdicts.jsonl");
    std::fs::write(&file, json!({"run_id": made, "result": "unscored"}).to_string()).unwrap();
    let from = file.display().to_string();
    let graded = bench.on_results("recheck", &["--from", &from]).run().ok().stdout;
    assert!(graded.contains("1 graded, 1 with another result, 1 without verdict"), "{graded}");
}
