//! Every format, from nights that were never run.

use std::collections::BTreeSet;

use super::text::Look;
use super::{NightReport, Report, csv, escape, github, junit, markdown, text, trend};
use crate::bench::night::Night;
use crate::bench::night::sketch::night;
use crate::bench::results::line::{LineError, LineTokens, ResultLine};
use crate::bench::verdict::Verdict;

fn worse() -> Night {
    let same = ["ppppp", "ppppp", "ppppf", "fffff", "pppff"];
    let broken = ["fffff", "fffff", "ppppu", "fffff", "lllff"];
    night(&[("base", &same), ("new", &broken)])
}

fn report(mut nights: Vec<Night>) -> Report {
    Report::of(&mut nights)
}

fn verdict() -> Verdict {
    NightReport::of(&worse()).verdict.unwrap()
}

const PLAIN: Look = Look { bars: false };
const BARS: Look = Look { bars: true };

#[test]
fn text_begins_with_one_sentence_and_fits_eighty_columns() {
    let shown = text::verdict(&verdict(), PLAIN);
    assert_eq!(
        shown.lines().next().unwrap(),
        "regression: new passes less than base, p < 0.0001 (4 of 24 runs passed against"
    );
    let mut both = night(&[("base", &["pp"]), ("new", &["pp"])]);
    both.runs.iter_mut().for_each(|run| run.counts.as_mut().unwrap().started_ms = Some(1 << 42));
    let shown = [text::report(&report(vec![worse(), both]), BARS), shown].concat();
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(shown.contains("3 hit a limit"), "{shown}");
    assert!(shown.contains("\n17 of 25)\n"), "{shown}");
    assert!(shown.contains("base over time") && shown.contains("2109-05-15"), "{shown}");
}

#[test]
fn bars_are_drawn_where_they_are_asked_for() {
    let report = report(vec![worse()]);
    assert!(text::report(&report, PLAIN).is_ascii(), "{}", text::report(&report, PLAIN));
    assert!(text::report(&report, BARS).contains('█'));
}

#[test]
fn the_report_says_the_same_word_in_every_format() {
    let verdict = verdict();
    assert!(text::verdict(&verdict, PLAIN).starts_with("regression"));
    assert!(markdown::verdict(&verdict).starts_with("**regression"));
    assert!(github::annotations(&verdict, false).starts_with("::error title=occtl bench::regr"));
    assert!(junit::verdict(&verdict, false).contains("failures=\"1\""));
    assert_eq!(serde_json::to_value(&verdict).unwrap()["verdict"], "regression");
}

#[test]
fn an_inconclusive_verdict_fails_a_build_only_if_it_is_strict() {
    let night = night(&[("base", &["pp", "pf"]), ("new", &["pf", "pp"])]);
    let verdict = NightReport::of(&night).verdict.unwrap();
    let relaxed = junit::verdict(&verdict, false);
    assert!(relaxed.contains("failures=\"0\"") && relaxed.contains("skipped=\"1\""), "{relaxed}");
    assert!(junit::verdict(&verdict, true).contains("failures=\"1\""));
    assert!(github::annotations(&verdict, false).starts_with("::warning"));
    assert!(github::annotations(&verdict, true).starts_with("::error"));
}

#[test]
fn a_task_that_nobody_solves_is_no_failure_of_a_report() {
    let night = night(&[("base", &["ff", "uu"])]);
    let xml = junit::report(&report(vec![night]));
    assert!(xml.contains("failures=\"0\""), "{xml}");
    assert!(xml.contains("<property name=\"passed\" value=\"0/2\"/>"), "{xml}");
    assert!(xml.contains("<skipped message="), "{xml}");
}

#[test]
fn what_formats_would_take_for_their_own_is_escaped() {
    assert_eq!(escape::xml("<a b=\"'&\u{1}\u{b}>"), "&lt;a b=&quot;&#39;&amp;\u{fffd}\u{fffd}&gt;");
    assert_eq!(escape::github("100%\n::error::x"), "100%25%0A::error::x");
    assert_eq!(escape::github_property("a:b,c"), "a%3Ab%2Cc");
    for formula in ["=1+1", "+1", "-1", "@x", "\t=1"] {
        assert!(escape::csv(formula).trim_start_matches('"').starts_with('\''), "{formula}");
    }
    assert_eq!(escape::csv("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
    assert_eq!(escape::csv_number("-0.5"), "-0.5");
    assert_eq!(escape::markdown("a|b\n\u{202e}<i>"), "a\\|b\u{fffd}\u{fffd}\\<i\\>");
}

#[test]
fn a_table_has_a_column_for_each_field_of_a_line() {
    let line = ResultLine {
        tokens: Some(LineTokens::default()),
        error: Some(LineError { name: "n".into(), message: "m".into() }),
        ..ResultLine::default()
    };
    let value = serde_json::to_value(&line).unwrap();
    let mut fields = BTreeSet::from(["directory".to_string()]);
    for (key, inner) in value.as_object().unwrap() {
        match inner.as_object().filter(|_| key != "metrics") {
            Some(inner) => fields.extend(inner.keys().map(|name| format!("{key}_{name}"))),
            None => drop(fields.insert(key.clone())),
        }
    }
    let heading = csv::heading();
    let columns: BTreeSet<String> = heading.trim().split(',').map(String::from).collect();
    assert_eq!(columns, fields);
}

#[test]
fn a_summary_is_cut_at_what_a_step_may_have() {
    let long = "é".repeat(github::LARGEST_SUMMARY);
    let cut = github::summary(&long, 1000);
    assert!(cut.len() + 1000 <= github::LARGEST_SUMMARY && cut.ends_with("1024 KiB)\n"));
    assert_eq!(github::summary("short", 0), "short");
    assert_eq!(github::summary("short", github::LARGEST_SUMMARY), "");
}

#[test]
fn the_trend_has_rate_time_and_cost_of_the_newest_night() {
    let rows = trend::trend(&report(vec![worse()]));
    let names: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(rows[0]["value"].as_f64().is_some_and(|rate| rate > 60.0), "{rows:#}");
    assert_eq!(trend::trend(&report(Vec::new())), serde_json::json!([]));
}
