//! Imported tasks on the real OpenCode: sets of our own in other people's layouts, whose verdicts
//! are known before they run.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::support::bubblewrap::has_bubblewrap;
use crate::support::foreign::{exercise, harbor, install_pytest};
use crate::support::trials::{RUN_TIME, Trial};

/// Imports the source, lets the plan's arm be the scripted model, and runs it. Gives the result
/// lines by task.
fn run(trial: &Trial, format: &str) -> BTreeMap<String, Value> {
    let root = trial.sandbox.root();
    let occtl = |words: &[&str]| trial.sandbox.occtl(words).cwd(root).timeout(RUN_TIME);
    let model = ["-m", "scripted/echo"];
    occtl(&["bench", "import", format, "source", "-o", "out"]).args(&model).run().ok();
    let file = root.join("out/plan.json");
    let mut plan: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let ours = &trial.order["plan"];
    plan["env"] = ours["env"].clone();
    for key in ["opencode", "config"] {
        plan["arms"][0][key] = ours["arms"][0][key].clone();
    }
    fs::write(&file, plan.to_string()).unwrap();
    let program = plan["arms"][0]["opencode"].as_str().unwrap();
    let checked = occtl(&["bench", "check", "out/plan.json", "--scratch", "."]);
    checked.env("OCCTL_OPENCODE", program).run().ok();
    occtl(&["bench", "run", "out/plan.json", "-o", "results", "--scratch", "."]).run().ok();
    trial.sandbox.assert_nothing_left();
    let text = fs::read_to_string(root.join("results/results-1-of-1.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (line["task"].as_str().unwrap().to_owned(), line)).collect()
}

#[test]
fn a_set_of_harbor_runs_in_bubblewrap_and_gives_the_verdicts_of_its_tests() {
    if !has_bubblewrap() {
        return;
    }
    let trial = Trial::new("import-harbor", "");
    let source = trial.sandbox.root().join("source");
    let look = "[[bash cat /app/given.txt; ls -A /tests /solution; echo 42 > /app/answer.txt]]";
    harbor(&source.join("solved"), "", look);
    harbor(&source.join("wrong"), "", "[[bash echo 41 > /app/answer.txt]]");
    let lines = run(&trial, "harbor");
    let solved = &lines["solved"];
    assert_eq!((&solved["result"], &solved["stop"]), (&json!("pass"), &json!("done")), "{solved}");
    assert_eq!(solved["metrics"], json!({"reward": 1.0, "speed": 3}));
    let wrong = &lines["wrong"];
    assert_eq!((&wrong["result"], &wrong["score"]), (&json!("fail"), &json!(0.25)), "{wrong}");
    let artifacts = trial.sandbox.root().join("results");
    let artifacts = artifacts.join(solved["artifacts"].as_str().unwrap());
    let read = |name: &str| fs::read_to_string(artifacts.join(name)).unwrap();
    assert!(read("check.txt").contains("tested in /app\n"), "{}", read("check.txt"));
    let transcript = read("transcript.json");
    assert!(transcript.contains("given\\n"), "{transcript}");
    for hidden in ["test.sh", "solve.sh", "canary"] {
        assert!(!transcript.contains(hidden), "{hidden}: {transcript}");
    }
}

#[test]
fn a_set_of_exercism_gives_the_verdicts_of_its_tests_and_a_second_try() {
    let trial = Trial::new("import-exercism", "");
    install_pytest(&trial.sandbox);
    let practice = trial.sandbox.root().join("source/python/exercises/practice");
    let solve = "[[bash echo 'def double(n): return n + n' > double.py]]";
    exercise(&practice.join("first"), solve, "it is wrong");
    exercise(&practice.join("second"), "Double it.", solve);
    exercise(&practice.join("never"), "[[bash echo 'print(1)' > double_test.py]]", "it is wrong");
    let lines = run(&trial, "exercism");
    for (task, result, passed_at) in [
        ("python-first", "pass", json!(1)),
        ("python-second", "pass", json!(2)),
        ("python-never", "fail", json!(null)),
    ] {
        let line = &lines[task];
        assert_eq!((&line["result"], &line["passed_at"]), (&json!(result), &passed_at), "{line}");
    }
    let told = trial.model.requests().iter().any(|request| {
        request.to_string().contains("The tests are right. Mend double.py so that they pass.")
    });
    assert!(told, "the second prompt does not say that the tests are right");
}
