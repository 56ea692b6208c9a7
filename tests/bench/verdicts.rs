//! `bench compare`: one verdict, in every form and in the exit status.

use serde_json::{Value, json};

use super::Bench;
use super::nights::{Letters, python};

const STEADY: &[&str] = &["ppppp"; 8];
const BROKEN: &[&str] = &["fffff", "fffff", "ppppp", "ppppp", "ppppp", "ppppp", "ppppp", "ppppp"];
const WORSE: Letters = &[("stable", STEADY), ("new", BROKEN)];
const SAME: Letters = &[("stable", STEADY), ("new", STEADY)];
/// Half of it is missing, and that half may have passed.
const EXPLAINED: [&str; 8] =
    ["fuuuu", "fuuuu", "ppppp", "ppppp", "ppppp", "ppppp", "ppppp", "ppppp"];
/// Nothing is shown of three tasks that run once.
const FEW: Letters = &[("stable", &["p", "p", "f"]), ("new", &["p", "f", "p"])];

/// The end of each case in a file of JUnit's: `passed`, `failure`, `error` or `skipped`, with its
/// message; and the counts of the whole file.
const JUNIT: &str = "
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
ends = []
for case in root.iter('testcase'):
    found = [one for one in case if one.tag in ('failure', 'error', 'skipped')]
    assert len(found) <= 1
    ends.append([found[0].tag, found[0].get('message')] if found else ['passed', ''])
properties = [[one.get('name'), one.get('value')] for one in root.iter('property')]
print(json.dumps({'ends': ends, 'properties': properties,
    'counts': [int(root.get(key)) for key in ('tests', 'failures', 'errors', 'skipped')]}))
";

#[test]
fn text_json_junit_annotations_and_status_say_the_same() {
    let nights = Bench::new("verdict-forms", json!({}));
    nights.night("worse", WORSE);
    nights.night("same", SAME);
    nights.night("few", FEW);
    for (name, strict, word, status, end, level) in [
        ("worse", false, "regression", 10, "failure", "error"),
        ("same", false, "ok", 0, "passed", "notice"),
        ("same", true, "ok", 0, "passed", "notice"),
        ("few", false, "inconclusive", 0, "skipped", "warning"),
        ("few", true, "inconclusive", 11, "failure", "error"),
    ] {
        let strict: &[&str] = if strict { &["--strict"] } else { &[] };
        let ended = |words: &[&str]| {
            let words = [&["compare", name, "--junit", "out.xml"], strict, words].concat();
            let ended = nights.bench(&words).run();
            if status == 0 { ended.ok() } else { ended.fails(status) }
        };
        let text = ended(&[]).stdout;
        assert!(text.starts_with(&format!("{word}: ")), "{text}");
        let verdict = ended(&["--json"]).json();
        assert_eq!(verdict["verdict"], word);
        let reason = verdict["candidates"][0]["reasons"][0].as_str().unwrap();
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.starts_with(&format!("{word}: {reason}")), "{reason}\n{text}");
        let junit = python(JUNIT, &nights.path("out.xml"));
        assert_eq!(junit["ends"][0][0], end, "{name} {strict:?}");
        let failures = u64::from(end == "failure");
        assert_eq!(junit["counts"][1], failures, "{junit}");
        if end != "passed" {
            assert!(junit["ends"][0][1].as_str().unwrap().contains(reason), "{junit}");
        }
        assert!(junit["properties"].as_array().unwrap().contains(&json!(["verdict", word])));
        let shown = ended(&["--github"]).stdout;
        let begin = format!("::{level} title=occtl bench::{word}: {reason}");
        assert!(shown.starts_with(&begin), "{begin}\n{shown}");
    }
}

#[test]
fn text_fits_eighty_columns_and_has_bars_on_a_terminal_only() {
    let nights = Bench::new("verdict-text", json!({}));
    nights.night("worse", WORSE);
    let text = nights.bench(&["compare", "worse"]).run().fails(10).stdout;
    assert!(text.is_ascii(), "{text}");
    for part in [
        "8 tasks, 5 repeats; without a result: 0 and 0",
        "bounds      75 % to 75 % against 100 % to 100 %, -25.0 to -25.0 points",
        "in 80 of 100 nights",
        "of 100 nights if nothing changed (margin 10 points)",
        "drift       within the night: stable p 1.0000, new p 1.0000",
        "t0                                      5/5 -> 0/5",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let script = "script -qec \"$0 bench compare worse\" /dev/null";
    let shown = nights.sandbox.shell::<&str>(script, &[]).cwd(nights.sandbox.root()).run();
    assert!(shown.stdout.contains('█'), "{shown:?}");
    for line in text.lines().chain(shown.stdout.lines()) {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
}

#[test]
fn what_is_compared_is_named_by_directory_and_arm() {
    let nights = Bench::new("verdict-names", json!({}));
    nights.night("one", &[("stable", STEADY), ("new", BROKEN), ("other", STEADY)]);
    nights.night("only", &[("new", STEADY)]);
    nights.night("a:b", SAME);
    let compared = |words: &[&str]| {
        let words = [&["compare", "--json"], words].concat();
        let verdict = nights.bench(&words).run().json();
        let mut sides = vec![verdict["base"]["arm"].clone()];
        sides
            .extend(verdict["candidates"].as_array().unwrap().iter().map(|one| one["arm"].clone()));
        json!(sides)
    };
    assert_eq!(compared(&["one"]), json!(["stable", "new", "other"]));
    assert_eq!(compared(&["one:other"]), json!(["other", "stable", "new"]));
    assert_eq!(compared(&["one:stable", "one:other"]), json!(["stable", "other"]));
    assert_eq!(compared(&["one:stable", "only"]), json!(["stable", "new"]));
    assert_eq!(compared(&["one:stable", "only", "one:other"]), json!(["stable", "new", "other"]));
    assert_eq!(compared(&["a:b"]), json!(["stable", "new"]));
    assert_eq!(compared(&["a:b:new"]), json!(["new", "stable"]));
    let refused = |words: &[&str]| {
        let words = [&["compare", "--json"], words].concat();
        let error = nights.bench(&words).run().fails(2).json_error();
        format!("{} / {}", error["message"], error["hint"])
    };
    let which = refused(&["one", "only"]);
    assert!(which.contains("which arm of one") && which.contains("stable, new, other"), "{which}");
    assert!(refused(&["one:nosuch", "only"]).contains("has no arm"));
    assert!(refused(&["only"]).contains("nothing to compare"));
    assert!(refused(&["one:new", "one:new"]).contains("with itself"));
    nights.bench(&["compare", "nowhere"]).run().fails(3);
    nights.bench(&["compare", "nowhere:new", "only"]).run().fails(3);
    // Arms of the same name are told apart by their directories.
    let text = nights.bench(&["compare", "one:new", "only:new"]).run().ok().stdout;
    assert!(text.starts_with("ok: only:new passes more than one:new, p "), "{text}");
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("warning: base and candidate did not run in the same batch"), "{text}");
}

#[test]
fn of_several_candidates_the_worst_gives_the_word_and_each_pays_for_the_others() {
    let nights = Bench::new("verdict-several", json!({}));
    nights.night("three", &[("stable", STEADY), ("new", BROKEN), ("other", STEADY)]);
    let verdict = nights.bench(&["compare", "three", "--json"]).run().fails(10).json();
    let of = |verdict: &Value, at: usize, key: &str| verdict["candidates"][at][key].clone();
    assert_eq!([of(&verdict, 0, "verdict"), of(&verdict, 1, "verdict")], ["regression", "ok"]);
    let p = of(&verdict, 0, "p_worse").as_f64().unwrap();
    let adjusted = of(&verdict, 0, "p_worse_adjusted").as_f64().unwrap();
    assert!((adjusted - 2.0 * p).abs() < 1e-12, "{p} {adjusted}");
    // Better than the base in one arm, and no worse in the other.
    nights.night("better", &[("stable", BROKEN), ("new", STEADY), ("other", BROKEN)]);
    let verdict = nights.bench(&["compare", "better", "--json"]).run().ok().json();
    assert_eq!((&verdict["verdict"], &verdict["improved"]), (&json!("ok"), &json!(true)));
    let text = nights.bench(&["compare", "better"]).run().ok().stdout;
    let first = "ok: new passes more than stable, p < 0.0001 (40 of 40 runs passed against 30 of";
    assert_eq!(text.lines().next(), Some(first));
    // Two that break alike are one sentence.
    nights.night("two", &[("stable", STEADY), ("new", BROKEN), ("other", BROKEN)]);
    let text = nights.bench(&["compare", "two"]).run().fails(10).stdout;
    assert!(text.contains("; the same word for other"), "{text}");
    // What alone would be an alarm is none among two.
    let base = &["ppppp", "pppff", "ppfff", "ppppf"];
    let lower = &["ppfff", "pffff", "pffff", "pppff"];
    nights.night("alone", &[("stable", base), ("new", lower)]);
    nights.night("among", &[("stable", base), ("new", lower), ("other", base)]);
    nights.bench(&["compare", "alone"]).run().fails(10);
    nights.bench(&["compare", "among"]).run().ok();
}

#[test]
fn a_comparison_of_other_tasks_is_refused_and_says_so_in_every_form() {
    let nights = Bench::new("verdict-refused", json!({}));
    nights.night("old", WORSE);
    nights.changed_night("new", WORSE, |plan, run| {
        if run.is_null() {
            plan["tasks"][0]["instruction"] = json!("Do it better.");
        }
    });
    let words = ["compare", "old:stable", "new:new", "--junit", "out.xml"];
    let refused = nights.bench(&words).run().fails(2);
    assert!(refused.stdout.is_empty());
    assert!(refused.stderr.contains("t0") && refused.stderr.contains("--common"), "{refused:?}");
    let junit = python(JUNIT, &nights.path("out.xml"));
    assert_eq!(junit["counts"], json!([1, 0, 1, 0]));
    assert!(junit["ends"][0][1].as_str().unwrap().contains("t0"), "{junit}");
    let shown = nights.bench(&[&words[..3], &["--github"]].concat()).run().fails(2).stdout;
    assert!(shown.starts_with("::error title=occtl bench::old and new cannot"), "{shown}");
    let common = nights.bench(&[&words[..3], &["--common", "--json"]].concat()).run().fails(10);
    let one = &common.json()["candidates"][0];
    assert_eq!((&one["tasks"], &one["left_out"][0]["task"]), (&json!(7), &json!("t0")));
    nights.night("ungraded", &[("stable", &["pp"]), ("new", &["pg"])]);
    let refused = nights.bench(&["compare", "ungraded", "--json"]).run().fails(2).json_error();
    assert!(refused["hint"].as_str().unwrap().contains("recheck"), "{refused}");
}

#[test]
fn a_summary_of_the_verdict_is_added_to_that_of_a_workflow() {
    let nights = Bench::new("verdict-summary", json!({}));
    nights.night("worse", WORSE);
    std::fs::write(nights.path("summary.md"), "before\n").unwrap();
    let run = nights.bench(&["compare", "worse", "--github"]);
    let ended = run.env("GITHUB_STEP_SUMMARY", nights.path("summary.md")).run().fails(10);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with("::")), "{lines:?}");
    let summary = nights.read("summary.md");
    assert!(summary.starts_with("before\n**regression: new passes less than stable"), "{summary}");
    assert!(summary.contains("- drift: ") && summary.contains("- bounds: "), "{summary}");
    assert!(summary.contains("task t0: 5/5 before, 0/5 now"), "{summary}");
}

#[test]
fn the_gate_of_the_plan_holds_unless_flags_change_it() {
    let nights = Bench::new("verdict-gate", json!({}));
    let gate = json!({"infer": "tasks", "alpha": 0.01, "margin": 0.2, "max_cost_increase": 0.5});
    nights.changed_night("night", WORSE, |value, run| {
        if run.is_null() {
            value["gate"] = gate.clone();
        } else if run["arm"] == "new" {
            value["cost_usd"] = json!(0.02);
        }
    });
    let verdict = nights.bench(&["compare", "night", "--json"]).run().fails(10).json();
    for key in ["infer", "alpha", "margin", "max_cost_increase"] {
        assert_eq!(verdict["gate"][key], gate[key]);
    }
    // Two tasks of eight say little about tasks like these, and the cost is told by itself.
    let candidate = &verdict["candidates"][0];
    assert!(candidate["p_worse"].as_f64().unwrap() > 0.01);
    assert_eq!(candidate["reasons"][0], "the cost of new grew by at least 100 %, 50 % is allowed");
    let flags = ["--infer", "runs", "--alpha", "0.02", "--margin", "0.3", "--json"];
    let verdict = nights.bench(&[&["compare", "night"], &flags[..]].concat()).run().fails(10);
    let verdict = verdict.json();
    assert_eq!(verdict["gate"]["infer"], "runs");
    assert_eq!(verdict["gate"]["margin"], 0.3);
    for wrong in [["--alpha", "0.6"], ["--margin", "0"], ["--infer", "hope"], ["--alpha", "x"]] {
        nights.bench(&[&["compare", "night"], &wrong[..]].concat()).run().fails(2);
    }
}

#[test]
fn odd_nights_are_told_as_what_they_are() {
    let nights = Bench::new("verdict-odd", json!({}));
    let told = |name: &str, arms: Letters, parts: &[&str]| {
        nights.night(name, arms);
        let ended = nights.bench(&["compare", name]).run();
        let flat = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            assert!(flat.contains(part), "{name}: {part} is missing in\n{}", ended.stdout);
        }
        ended
    };
    let one: Letters = &[("stable", &["p"]), ("new", &["f"])];
    let parts = ["this task alone", "one run a task", "cannot alarm: so few runs"];
    told("one", one, &parts).ok();
    let lost: Letters = &[("stable", STEADY), ("new", &["uuuuu"; 8])];
    told("lost", lost, &["no task has a result of both new and stable", "40 of 40 runs of new"])
        .ok();
    let left: Letters = &[("stable", STEADY), ("new", &["ppp--"; 8])];
    told("left", left, &["left is not finished: 16 of 80 runs are left"]).ok();
    let explained: Letters = &[("stable", STEADY), ("new", &EXPLAINED)];
    told("explained", explained, &["but what is missing could explain that"]).ok();
    let slow: Letters = &[("stable", &["lllll"; 8]), ("new", &["fffff"; 8])];
    told("slow", slow, &["cannot be compared, as limits were hit"]).ok();
    let sinking: Letters = &[("stable", STEADY), ("new", &["ppfff"; 8])];
    told("sinking", sinking, &["warning: new changed during the night, p < 0.0001"]).fails(10);
}
