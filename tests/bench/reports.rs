//! `bench report`: every format can be read by what reads it, whatever is in the results.

use serde_json::{Value, json};

use super::Bench;
use super::nights::{Letters, python};
use crate::docs;

const NIGHT: Letters = &[("stable", &["ppp", "ppf", "fff"]), ("new", &["ppf", "ppp", "ufl"])];

/// Markup, control characters, marks of direction, commands, and a formula.
const HOSTILE: &str = "=cmd|'/c calc'!A0\u{1b}[31m\u{202e}\u{0}<script>x</script>\n::error::boo\r\n\
                       | a | `b` ]]>&amp; \u{7}";

fn hostile(bench: &Bench) {
    bench.changed_night("hostile", NIGHT, |line, run| {
        if !run.is_null() {
            line["host"] = json!(HOSTILE);
            line["opencode_version"] = json!(format!("1.2.3{HOSTILE}{}", run["arm"]));
            line["error"] = json!({"name": HOSTILE, "message": HOSTILE});
        }
    });
}

#[test]
fn hostile_results_break_no_format() {
    let bench = Bench::new("report-hostile", json!({}));
    hostile(&bench);
    let words = ["report", "hostile", "--junit", "out.xml", "--trend", "trend.json"];
    let bad = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
    let text = bench.bench(&words).run().ok().stdout;
    let compared = bench.bench(&["compare", "hostile"]).run().ok().stdout;
    for shown in [&text, &compared] {
        assert!(!shown.contains(bad), "{shown:?}");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
    }
    assert!(compared.contains("\\u{1b}[31m"), "{compared}");
    let markdown = bench.bench(&["report", "hostile", "--markdown"]).run().ok().stdout;
    assert!(!markdown.contains(bad) && !markdown.contains("<script>"), "{markdown}");
    let rows = markdown.lines().filter(|line| line.starts_with("| ") && !line.contains("---"));
    for row in rows {
        let bars = row.replace("\\|", "").matches('|').count();
        assert!([4, 9].contains(&bars), "{row}");
    }
    let shown = bench.bench(&["report", "hostile", "--github"]).run().ok().stdout;
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(!shown.contains("::error::boo") || shown.starts_with("::warning title="), "{shown}");
    let report = bench.bench(&["report", "hostile", "--json"]).run().ok().json();
    assert_eq!(report["nights"][0]["arms"][0]["hosts"][0], HOSTILE);
    let cases = "import sys, json, xml.etree.ElementTree as tree\n\
                 cases = tree.parse(sys.argv[1]).iter('testcase')\n\
                 print(json.dumps([case.get('name') for case in cases]))";
    let cases = python(cases, &bench.path("out.xml"));
    assert_eq!(cases, json!(["t0", "t1", "t2", "t0", "t1", "t2"]));
    let trend: Value = serde_json::from_str(&bench.read("trend.json")).unwrap();
    assert_eq!(trend.as_array().unwrap().len(), 6, "{trend}");
}

#[test]
fn a_table_of_runs_is_read_back_cell_by_cell_and_computes_nothing() {
    let bench = Bench::new("report-csv", json!({}));
    hostile(&bench);
    bench.night("plain", NIGHT);
    let table = bench.bench(&["report", "hostile", "plain", "--csv"]).run().ok().stdout;
    std::fs::write(bench.path("runs.csv"), table).unwrap();
    let read = "import csv, sys, json\n\
                print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='')))))";
    let rows = python(read, &bench.path("runs.csv"));
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 36);
    for row in rows {
        for (name, cell) in row.as_object().unwrap() {
            let cell = cell.as_str().unwrap();
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {cell}");
        }
    }
    let of = |directory: &str| rows.iter().find(|row| row["directory"] == directory).unwrap();
    // All that is changed of a text is the apostrophe before it, and a zero byte.
    let expected = format!("'{HOSTILE}").replace('\0', "\u{fffd}");
    assert_eq!(of("hostile")["error_message"], expected);
    assert_eq!(of("plain")["error_message"], "");
    assert_eq!(of("plain")["cost_usd"], "0.01");
    let unscored = rows.iter().filter(|row| row["result"] == "unscored").count();
    assert_eq!(unscored, 2);
}

#[test]
fn several_nights_are_shown_in_the_order_of_their_time_with_changes_of_the_version() {
    let bench = Bench::new("report-nights", json!({}));
    for (name, day, version) in [("b", 2, "1.18.33"), ("a", 3, "1.19.0"), ("c", 1, "1.18.33")] {
        bench.changed_night(name, NIGHT, |line, run| {
            if !run.is_null() {
                line["opencode_version"] = json!(version);
                line["started_at"] = json!(format!("2026-11-0{day}T02:00:00Z"));
            }
        });
    }
    let report = bench.bench(&["report", "a", "b", "c", "--json"]).run().ok().json();
    let order: Vec<&Value> =
        report["nights"].as_array().unwrap().iter().map(|night| &night["directory"]).collect();
    assert_eq!(order, ["c", "b", "a"]);
    let text = bench.bench(&["report", "a", "b", "c"]).run().ok().stdout;
    assert!(text.starts_with("3 nights, 2026-11-01 to 2026-11-03: 3 inconclusive; "), "{text}");
    let strip: Vec<&str> = text.lines().skip_while(|line| *line != "new over time").collect();
    assert!(strip[1].starts_with("  2026-11-01  ") && !strip[1].contains("OpenCode"), "{text}");
    assert!(!strip[2].contains("OpenCode"), "{text}");
    assert!(strip[3].ends_with("inconclusive OpenCode 1.19.0"), "{text}");
    let markdown = bench.bench(&["report", "a", "b", "c", "--markdown"]).run().ok().stdout;
    assert!(markdown.contains("| new | 2026-11-03 | 56 % |"), "{markdown}");
    assert!(markdown.contains("| inconclusive | 1.19.0 |"), "{markdown}");
    // The trend is that of the newest night.
    bench.bench(&["report", "b", "a", "--trend", "trend.json"]).run().ok();
    assert!(bench.read("trend.json").contains("OpenCode 1.19.0"));
}

#[test]
fn an_unfinished_night_and_one_without_a_base_are_shown_as_what_they_are() {
    let bench = Bench::new("report-odd", json!({}));
    bench.night("left", &[("stable", &["pp-"]), ("new", &["--f"])]);
    bench.night("empty", &[("stable", &["--"]), ("new", &["--"])]);
    bench.changed_night("one", &[("a", &["pf"])], |plan, run| {
        if run.is_null() {
            plan["base"] = Value::Null;
        }
    });
    let shown = |name: &str| bench.bench(&["report", name]).run().ok().stdout;
    let left = shown("left");
    assert!(left.contains("3 of 6 runs done"), "{left}");
    assert!(left.contains("warning: left is not finished: 3 of 6 runs are left"), "{left}");
    let empty = shown("empty");
    assert!(empty.contains("not begun") && empty.contains("no run has ended"), "{empty}");
    assert!(shown("one").starts_with("without a verdict; passed runs: a 1 of 2\n"));
    for format in ["--markdown", "--csv", "--json", "--github"] {
        for name in ["left", "empty", "one"] {
            bench.bench(&["report", name, format]).run().ok();
        }
    }
    bench.bench(&["report", "nowhere"]).run().fails(3);
    bench.bench(&["report", "one", "--csv", "--json"]).run().fails(2);
}

#[test]
fn a_dry_run_says_what_a_comparison_will_show_and_where_it_cannot_alarm() {
    let bench = Bench::new("report-forecast", json!({}));
    let arms = json!([bench.arm("a"), bench.arm("b")]);
    let tasks: Vec<Value> = (0..8).map(|at| super::task(&format!("t{at}"), &["true"])).collect();
    bench.plan(&json!(tasks), &json!({"arms": arms, "base": "a", "repeats": 5}));
    let ended = bench.run(&["--dry-run"]).run().ok();
    assert!(ended.stderr.contains("in 80 of 100 nights"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("cannot alarm:"), "{}", ended.stderr);
    let outlook = bench.run(&["--dry-run", "--json"]).run().ok().json()["forecast"].clone();
    let chance = outlook["outlook"]["chance_of_ok"].as_f64().unwrap();
    assert!((chance - 0.25).abs() < 0.04, "{chance}");
    bench.plan(&json!(tasks[..4]), &json!({"arms": arms, "base": "a", "repeats": 1}));
    let ended = bench.run(&["--dry-run"]).run().ok();
    assert!(
        ended.stderr.contains("cannot alarm: so few runs are no regression, whatever comes out"),
        "{}",
        ended.stderr
    );
    bench.plan(&json!(tasks[..1]), &json!({"repeats": 1}));
    let forecast = bench.run(&["--dry-run", "--json"]).run().ok().json()["forecast"].clone();
    assert_eq!(forecast["outlook"], Value::Null);
    assert!(!bench.results().exists());
}

#[test]
fn every_field_of_json_is_documented() {
    let bench = Bench::new("report-documented", json!({}));
    let six = "pppppf";
    let base: Letters = &[("stable", &[six, six, six]), ("new", &["ffffff", "ffffff", "ppppuf"])];
    let scored = |line: &mut Value, run: &Value| {
        if !run.is_null() {
            line["score"] = json!(0.5);
            line["opencode_sha256"] = json!("0".repeat(64));
        }
    };
    bench.changed_night("first", base, scored);
    bench.changed_night("second", base, scored);
    bench.changed_night("other", &[("new", &[six, six])], |plan, run| {
        scored(plan, run);
        if run.is_null() {
            plan["tasks"][0]["instruction"] = json!("Do it better.");
        }
    });
    let json = |words: &[&str]| bench.bench(&[words, &["--json"]].concat()).run().json();
    let documents = [
        json(&["compare", "first", "--confirm", "second"]),
        json(&["compare", "first:stable", "other", "--common", "--infer", "tasks"]),
    ];
    assert!(!documents[0]["confirmation"].is_null() && !documents[1]["warnings"].is_null());
    docs::compare("occtl bench compare", &documents);
    docs::compare("occtl bench report", &[json(&["report", "first", "other"])]);
    let arms = json!([bench.arm("a"), {"id": "b", "model": "scripted/b"}]);
    bench.plan(&super::both(), &json!({"arms": arms, "base": "a"}));
    let dry = bench.run(&["--dry-run", "--json"]).run().ok().json();
    let forecast = dry["forecast"]["outlook"].clone();
    docs::compare("Object outlook", &[forecast]);
    let documented = include_str!("../../docs/json.md");
    for key in dry["forecast"].as_object().unwrap().keys() {
        assert!(documented.contains(&format!("`forecast.{key}`")), "{key}");
    }
}
