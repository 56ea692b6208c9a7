//! The check that is made for tasks of Harbor, in the sandbox of the plan that is made for them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Import, SOON};
use crate::support::bubblewrap::has_bubblewrap;
use crate::support::foreign::{harbor, write};
use crate::support::sandbox::set_mode;

/// Lays out a run's directory as for a check, and runs the check within the plan's `wrap`. Gives
/// its status, the score file and what it printed.
fn check(import: &Import, tests: &str) -> (i32, Value, String) {
    let work = import.sandbox.work();
    let source = import.source().join("one");
    harbor(&source, "", "Say 42.");
    write(&source.join("tests/test.sh"), tests);
    import.import("harbor").run().ok();
    let run = work.join("run");
    let tree = run.join("tree");
    fs::create_dir(&run).unwrap();
    fs::rename(import.out().join("tasks/one/hidden"), &tree).unwrap();
    let plan: Value =
        serde_json::from_str(&fs::read_to_string(import.out().join("plan.json")).unwrap()).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_occtl")).display().to_string();
    let words = plan["wrap"].as_array().unwrap().iter().map(|word| {
        let word = word.as_str().unwrap().replace("{run}", run.to_str().unwrap());
        word.replace("{occtl}", &program).replace("{opencode}", &program)
    });
    let mut words: Vec<String> = words.collect();
    words.push(tree.join(".harbor/check.sh").display().to_string());
    let score = run.join("score.json");
    let ended = import.sandbox.command(words.remove(0), &words).env("OCCTL_SCORE_FILE", &score);
    let ended = ended.cwd(&tree).timeout(SOON).run();
    let score = fs::read_to_string(score).map_or(Value::Null, |text| {
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"))
    });
    fs::remove_dir_all(&run).unwrap();
    fs::remove_dir_all(import.out()).unwrap();
    (ended.status, score, ended.stdout)
}

#[test]
fn the_verdict_is_one_number_that_the_tests_leave_and_nothing_else() {
    if !has_bubblewrap() {
        return;
    }
    let import = Import::new("harbor-check");
    let json = |text: &str| format!("echo '{text}' > /logs/verifier/reward.json\n");
    let txt = |text: &str| format!("echo '{text}' > /logs/verifier/reward.txt\n");
    for (tests, status, score) in [
        (json("{\"reward\": 1.0}"), 0, json!({"score": 1, "metrics": {"reward": 1.0}})),
        // The object wins, and the status says nothing.
        (
            json("{\"only\": 0}") + &txt("1") + "exit 0",
            1,
            json!({"score": 0, "metrics": {"only": 0}}),
        ),
        (txt("1") + "exit 9", 0, json!({"score": 1, "metrics": {"reward": 1}})),
        (txt(" 1.00 "), 0, json!({"score": 1, "metrics": {"reward": 1}})),
        (txt(".5"), 1, json!({"score": 0.5, "metrics": {"reward": 0.5}})),
        (
            json("{ \"a, b\" : 7,\n \"reward\" : 25e-2 }"),
            1,
            json!({"score": 0.25, "metrics": {"a, b": 7, "reward": 0.25}}),
        ),
        // No score can hold it.
        (txt("-2"), 1, json!({"metrics": {"reward": -2}})),
        (txt("100"), 1, json!({"metrics": {"reward": 100}})),
        ("true".into(), 75, Value::Null),
        (txt("nan"), 75, Value::Null),
        (txt(""), 75, Value::Null),
        (txt("1 0"), 75, Value::Null),
        (json("{\"a\": 1, \"b\": 1}"), 75, Value::Null),
        (json("{\"reward\": \"1\"}"), 75, Value::Null),
        (json("{\"reward\": {\"a\": 1}}"), 75, Value::Null),
        (json("[1]"), 75, Value::Null),
        (
            "ln -s /app/reward /logs/verifier/reward.txt; echo 1 > /app/reward".into(),
            75,
            Value::Null,
        ),
        (
            "echo 1 > /logs/verifier/reward.txt; touch -d 2001-01-01 /logs/verifier/reward.txt"
                .into(),
            75,
            Value::Null,
        ),
    ] {
        // `echo` of one text twice: one text is one number.
        let tests = tests.replace("1 0", "1\n2");
        let (found, scored, said) = check(&import, &tests);
        assert_eq!((found, &scored), (status, &score), "{tests}: {said}");
    }
}

#[test]
fn the_tests_find_their_places_and_the_tree_as_the_agent_left_it() {
    if !has_bubblewrap() {
        return;
    }
    let import = Import::new("harbor-places");
    let tests = "#!/bin/bash\n[[ $PWD = /app ]] && [ \"$0\" = /tests/test.sh ] && \
                 [ -z \"$(ls -A)\" ] && touch /tests/writable && echo it-is-so && \
                 echo 1 > /logs/verifier/reward.txt\n";
    let (status, _, said) = check(&import, tests);
    assert!(status == 0 && said.contains("it-is-so"), "{said}");
}

#[test]
fn outside_of_a_sandbox_the_check_touches_nothing() {
    if ["/tests", "/logs"].iter().any(|path| Path::new(path).exists()) {
        println!(
            "this machine has /tests or /logs, so the check is not tried outside of a sandbox"
        );
        return;
    }
    let import = Import::new("harbor-outside");
    harbor(&import.source(), "", "Say 42.");
    import.import("harbor").run().ok();
    let check = import.out().join("tasks/source/hidden/.harbor/check.sh");
    set_mode(&check, 0o755);
    let ended = import.sandbox.command(&check, &[] as &[&str]).run().fails(75);
    assert!(ended.stdout.contains("the plan's wrap makes them"), "{ended:?}");
    assert!(check.exists() && !Path::new("/tests").exists() && !Path::new("/logs").exists());
}
