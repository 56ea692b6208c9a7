//! The numbers behind a verdict, each with its name. Text and Markdown show the same ones.

use super::{counted, interval_of, p, percent, ratio, signed};
use crate::bench::statistics::Interval;
use crate::bench::verdict::{ArmNumbers, Candidate, Outlook, Verdict, points};

/// The facts about a candidate, in the order in which a reader needs them.
pub fn facts(verdict: &Verdict, one: &Candidate) -> Vec<(&'static str, String)> {
    let mut found = vec![("runs", runs(verdict, one))];
    if let Some(difference) = one.difference {
        let interval = difference
            .interval
            .map_or(String::new(), |it| format!(" [{}, {}]", signed(it.low), signed(it.high)));
        found.push(("difference", format!("{} points{interval}", signed(difference.estimate))));
    }
    found.extend(one.bounds.map(|it| ("bounds", bounds(one, it))));
    let about = if verdict.gate.infer == "runs" { "these tasks" } else { "tasks like these" };
    let (worse, better) = (p(one.p_worse_adjusted), p(one.p_better_adjusted));
    found.push(("test", format!("of {about}: worse p {worse}, better p {better}")));
    found.extend(one.outlook.iter().flat_map(outlook));
    found.push(("drift", drift(verdict, one)));
    if let Some(latency) = &one.latency {
        let times =
            latency.ratio.map_or("cannot be compared, as limits were hit".into(), |ratio| {
                format!("{ratio:.2} times as long{}", interval_of(latency.interval))
            });
        let counts =
            format!("{} faster, {} slower", counted(latency.faster, "task"), latency.slower);
        found.push(("time", format!("{times}; {counts}")));
    }
    for (what, known) in [("cost", one.cost), ("tokens", one.tokens)] {
        if let Some(known) = known.filter(|known| known.estimate.is_some()) {
            found.push((what, format!("{} times as much", ratio(&known))));
        }
    }
    found.push(("other tests", other_tests(one)));
    if !one.row_can_fire {
        found.push(("tasks", "none can be called worse by itself with so few runs".into()));
    }
    found
}

fn runs(verdict: &Verdict, one: &Candidate) -> String {
    let repeats = match (verdict.base.repeats, one.side.repeats) {
        (base, side) if base == side => counted(base, "repeat"),
        (base, side) => format!("{base} and {side} repeats"),
    };
    let (tasks, [base, side]) = (one.tasks, [one.base.unscored, one.candidate.unscored]);
    format!("{}, {repeats}; without a result: {base} and {side}", counted(tasks, "task"))
}

/// What could have come out, whatever the runs without a result would have given.
fn bounds(one: &Candidate, difference: Interval) -> String {
    let arm = |numbers: &ArmNumbers| {
        let ends = |it: Interval| format!("{} to {}", percent(it.low), percent(it.high));
        numbers.bounds.map_or("unknown".into(), ends)
    };
    format!(
        "{} against {}, {} to {} points",
        arm(&one.candidate),
        arm(&one.base),
        signed(difference.low),
        signed(difference.high)
    )
}

/// What so many runs can show.
pub fn outlook(outlook: &Outlook) -> Vec<(&'static str, String)> {
    let rounded = |share: f64| format!("{:.0} points", 100.0 * share);
    let finds = match (outlook.these_tasks, outlook.tasks_like_these) {
        (Some(found), _) => {
            let drop = found.mean_drop.map_or("no drop of all tasks alike".into(), |drop| {
                format!("a drop of {}", rounded(drop))
            });
            let broken = match found.broken_tasks {
                Some(1) => "1 broken task".into(),
                Some(tasks) => format!("{tasks} broken tasks"),
                None => "no number of broken tasks".into(),
            };
            format!("{drop}, or {broken},")
        }
        (None, Some(drop)) => format!("a drop of {} over tasks like these", rounded(drop)),
        (None, None) => "no drop".into(),
    };
    let ok = 100.0 * outlook.chance_of_ok;
    let margin = points(outlook.gate.margin);
    let mut found = vec![
        ("finds", format!("{finds} in 80 of 100 nights")),
        ("ok", format!("comes in {ok:.0} of 100 nights if nothing changed (margin {margin})")),
    ];
    if outlook.cannot_alarm {
        let why = "cannot alarm: so few runs are no regression, whatever comes out";
        found.push(("alarm", format!("{why}; add repeats or tasks")));
    }
    found
}

fn drift(verdict: &Verdict, one: &Candidate) -> String {
    let [base, side] = one.side.names_beside(&verdict.base);
    match (one.drift.base, one.drift.candidate) {
        (None, None) => "not possible to see within the night: one run a task".into(),
        (first, second) => {
            let each = |name: String, found: Option<f64>| {
                found.map_or(format!("{name} cannot be seen"), |found| {
                    format!("{name} p {}", p(found))
                })
            };
            format!("within the night: {}, {}", each(base, first), each(side, second))
        }
    }
}

fn other_tests(one: &Candidate) -> String {
    let other = &one.other_tests;
    let flips = other.sign_flip.map_or(String::new(), |flips| {
        let few = if flips.telling < 6 { " (too few tasks differ)" } else { "" };
        format!("sign-flip p {}{few}, ", p(flips.p))
    });
    let chi =
        other.cochran_mantel_haenszel.map_or(String::new(), |chi| format!(", CMH p {}", p(chi.p)));
    format!("{flips}McNemar p {}{chi}; two-sided, they decide nothing", p(other.mcnemar_p))
}
