//! Instances of SWE-bench.

use std::fs;

use serde_json::{Value, json};

use super::{Import, SOON, holding, refused};
use crate::support::foreign::{instance, swebench, write};

fn import(import: &Import) -> crate::support::command::Run {
    import.import("swebench").args(&["--clones", "clones"])
}

#[test]
fn an_instance_is_the_tree_of_its_commit_and_its_text_and_nothing_that_solves_it() {
    let case = Import::new("swebench-good");
    let clones = case.sandbox.work().join("clones");
    let base = swebench(&case.sandbox, &case.source(), &clones);
    let imported = import(&case).args(&["--json"]).run().ok().json();
    let ids: Vec<&Value> =
        imported["tasks"].as_array().unwrap().iter().map(|task| &task["task"]).collect();
    assert_eq!(ids, ["owner__name-0", "owner__name-1"], "a list, and a string that holds one");
    let clone = clones.join("owner__name").canonicalize().unwrap();
    let expected = json!({"template": {"git": clone, "ref": base}, "tags": ["owner/name"]});
    assert_eq!(case.task("owner__name-0"), expected);
    assert!(case.read("owner__name-1/instruction.md").ends_with("\n\nIt is broken.\n"));
    assert!(holding(&case.out(), "secret-").is_empty());
    assert!(case.planned().stdout.contains("owner__name-1 "));
}

#[test]
fn an_agent_finds_the_base_commit_alone_and_no_later_history() {
    let mut case = Import::new("swebench-history");
    case.sandbox.use_stand_in(json!({}));
    let clones = case.sandbox.work().join("clones");
    swebench(&case.sandbox, &case.source(), &clones);
    import(&case).args(&["-m", "scripted/echo"]).run().ok();
    let file = case.out().join("plan.json");
    let mut plan: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let seen = case.sandbox.root().join("seen");
    let program = case.sandbox.install(
        "looking",
        &format!(
            "#!/bin/sh\nif [ \"$1\" = serve ] && [ -e state.txt ]; then\n\
             {{ cat state.txt; echo; git log --all --format=%s; }} >> '{}'\nfi\n\
             exec '{}' \"$@\"\n",
            seen.display(),
            crate::support::sandbox::example("stand-in").display()
        ),
    );
    plan["arms"][0]["opencode"] = json!(program);
    plan["pass_env"] = json!(["TEST_SANDBOX", "STAND_IN_FAULTS"]);
    fs::write(&file, plan.to_string()).unwrap();
    let plan = file.display().to_string();
    let words = ["bench", "run", &plan, "-o", "night", "--limit", "1", "--json"];
    let ended = case.sandbox.occtl(&words).cwd(case.sandbox.work()).timeout(SOON).run().ok();
    assert_eq!(ended.json()["ungraded"], 1, "{ended:?}");
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.starts_with("before\nBegin\n"), "{seen}");
    assert!(!seen.contains("after"), "{seen}");
    case.sandbox.assert_nothing_left();
}

#[test]
fn instances_that_cannot_be_taken_are_refused_by_name() {
    let case = Import::new("swebench-refused");
    let clones = case.sandbox.work().join("clones");
    let base = swebench(&case.sandbox, &case.source(), &clones);
    let none = "0".repeat(40);
    let mut lines: Vec<String> = Vec::new();
    for (id, commit, tests) in [
        ("good", base.as_str(), Value::Null),
        ("good", &base, Value::Null),
        ("a b", &base, Value::Null),
        ("gone", &none, Value::Null),
        ("short", "abc", Value::Null),
        ("tests", &base, json!("['a'")),
        ("far", &base, Value::Null),
    ] {
        let mut line = instance(id, commit, &tests);
        if id == "far" {
            line["repo"] = json!("other/name-2");
        }
        lines.push(line.to_string());
    }
    lines.push("{\"instance_id\": \"cut\", \"repo\"".into());
    lines.push("{\"instance_id\": \"less\"}".into());
    write(&case.source(), &lines.join("\n"));
    let imported = import(&case).args(&["--json"]).run().fails(1).json();
    let clone = clones.join("owner__name").canonicalize().unwrap();
    let gone = format!("{} has no commit {none}; git fetch may help", clone.display());
    let expected = [
        ("good", "stands there twice"),
        ("a b", "its instance_id cannot be the id of a task, by which verdicts find it"),
        ("gone", &gone),
        ("short", "its base_commit is no full name of a commit"),
        ("tests", "its FAIL_TO_PASS is neither a list nor a string that holds one"),
        ("far", "no clone of other/name-2 is in clones"),
        ("line 8", "is no JSON; was the file copied as a whole?"),
        ("less", "has no base_commit"),
    ];
    assert_eq!(refused(&imported), expected);
    assert_eq!(imported["tasks"][0]["task"], "good");
}

#[test]
fn a_file_of_another_form_is_a_usage_error_that_says_what_was_looked_for() {
    let case = Import::new("swebench-form");
    for text in ["[\n{}]", "PAR1\0\u{1}", "instance_id,repo\n"] {
        write(&case.source(), text);
        let ended = import(&case).run().fails(2);
        assert!(ended.stderr.contains("source:1: is no JSON object (looked for"), "{ended:?}");
    }
    write(&case.source(), "\n");
    assert!(import(&case).run().fails(2).stderr.contains("has no instances"));
    case.assert_nothing_written();
}
