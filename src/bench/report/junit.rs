//! JUnit's XML, which build servers show. A case is a task, not a run.

use std::fmt::Write as _;

use super::Report;
use super::escape::xml;
use crate::bench::verdict::{Candidate, Verdict, Word};
use crate::units;

/// One case.
struct Case {
    class: String,
    name: String,
    seconds: f64,
    properties: Vec<(&'static str, String)>,
    end: End,
}

/// What a case says.
enum End {
    Passed,
    Skipped(String),
    Failure(String),
    Error(String),
}

/// What came of nights. A task that no run solved is no failure: it would make every night red.
pub fn report(report: &Report) -> String {
    let suites = report.nights.iter().flat_map(|night| {
        night.arms.iter().map(move |arm| {
            let cases = arm.tasks.iter().map(|task| Case {
                class: format!("{}.{}", night.name, arm.facts.arm),
                name: task.task.clone(),
                seconds: task.median_ms.unwrap_or(0.0) / 1000.0,
                properties: vec![("passed", format!("{}/{}", task.cell.passes, task.cell.runs))],
                end: if task.cell.runs == 0 {
                    End::Skipped("no run has a result".into())
                } else {
                    End::Passed
                },
            });
            suite(&arm.facts.arm, night.started_at.as_deref(), &cases.collect::<Vec<_>>())
        })
    });
    document(suites)
}

/// A verdict: a failure is exactly what makes the status 10 (or 11 with `strict`).
pub fn verdict(verdict: &Verdict, strict: bool) -> String {
    let suites = verdict
        .candidates
        .iter()
        .map(|one| suite(&one.side.arm, None, &[case_of(one, &verdict.base.arm, strict)]));
    document(suites)
}

fn case_of(one: &Candidate, base: &str, strict: bool) -> Case {
    let why = one.reasons.join("; ");
    Case {
        class: format!("compare.{}", one.side.arm),
        name: format!("{} against {base}", one.side.arm),
        seconds: 0.0,
        properties: vec![
            ("verdict", one.verdict.name().into()),
            ("improved", one.improved.to_string()),
            ("passed", format!("{}/{}", one.candidate.passes, one.candidate.scored)),
            ("base passed", format!("{}/{}", one.base.passes, one.base.scored)),
            ("p", one.p_worse_adjusted.to_string()),
        ],
        end: match one.verdict {
            Word::Ok => End::Passed,
            Word::Regression => End::Failure(why),
            Word::Inconclusive if strict => End::Failure(why),
            Word::Inconclusive => End::Skipped(why),
        },
    }
}

/// A comparison that was refused.
pub fn refused(message: &str) -> String {
    let case = Case {
        class: "compare".into(),
        name: "comparison".into(),
        seconds: 0.0,
        properties: Vec::new(),
        end: End::Error(message.into()),
    };
    document(std::iter::once(suite("compare", None, &[case])))
}

/// A suite and its counts.
struct Suite {
    text: String,
    counts: [usize; 4],
    seconds: f64,
}

fn suite(name: &str, started: Option<&str>, cases: &[Case]) -> Suite {
    let count = |is: fn(&End) -> bool| cases.iter().filter(|case| is(&case.end)).count();
    let counts = [
        cases.len(),
        count(|end| matches!(end, End::Failure(_))),
        count(|end| matches!(end, End::Error(_))),
        count(|end| matches!(end, End::Skipped(_))),
    ];
    let seconds = units::sum(cases.iter().map(|case| case.seconds));
    let stamp = started.map_or(String::new(), |time| format!(" timestamp=\"{}\"", xml(time)));
    let mut text =
        format!("  <testsuite name=\"{}\"{}{stamp}>\n", xml(name), attributes(counts, seconds));
    cases.iter().for_each(|case| write_case(&mut text, case));
    text += "  </testsuite>\n";
    Suite { text, counts, seconds }
}

fn write_case(text: &mut String, case: &Case) {
    let (class, name) = (xml(&case.class), xml(&case.name));
    let _ = writeln!(
        text,
        "    <testcase classname=\"{class}\" name=\"{name}\" time=\"{:.3}\">",
        case.seconds
    );
    if !case.properties.is_empty() {
        text.push_str("      <properties>");
        for (name, value) in &case.properties {
            let _ = write!(text, "<property name=\"{name}\" value=\"{}\"/>", xml(value));
        }
        text.push_str("</properties>\n");
    }
    let _ = match &case.end {
        End::Passed => Ok(()),
        End::Skipped(why) => writeln!(text, "      <skipped message=\"{}\"/>", xml(why)),
        End::Failure(why) => {
            writeln!(text, "      <failure message=\"{}\" type=\"regression\"/>", xml(why))
        }
        End::Error(why) => {
            writeln!(text, "      <error message=\"{}\" type=\"refused\"/>", xml(why))
        }
    };
    text.push_str("    </testcase>\n");
}

fn attributes(counts: [usize; 4], seconds: f64) -> String {
    let [tests, failures, errors, skipped] = counts;
    format!(
        " tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" \
         time=\"{seconds:.3}\""
    )
}

fn document(suites: impl Iterator<Item = Suite>) -> String {
    let (mut body, mut counts, mut seconds) = (String::new(), [0; 4], 0.0);
    for suite in suites {
        body += &suite.text;
        counts.iter_mut().zip(suite.counts).for_each(|(sum, count)| *sum += count);
        seconds += suite.seconds;
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"occtl bench\"{}>\n{body}\
         </testsuites>\n",
        attributes(counts, seconds)
    )
}
