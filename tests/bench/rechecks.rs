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
