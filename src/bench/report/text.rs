//! Reports and verdicts as plain text that fits 80 columns.

use std::fmt::Write as _;

use super::arm::{ArmReport, Times};
use super::{NightReport, Report};
use crate::bench::statistics::bootstrap::Ratio;
use crate::bench::statistics::intervals::About;
use crate::bench::statistics::{Cell, Interval, reaches};
use crate::bench::verdict::{ArmNumbers, Candidate, Outlook, Row, Verdict, Word};

/// How text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether bars are drawn with block letters: a terminal shows them, a log may not.
    pub bars: bool,
}

/// How many letters a bar has.
const BAR: usize = 20;

/// The most rows of tasks that are listed: those that changed most.
const MOST_ROWS: usize = 20;

/// The most runs without a result that are listed.
const MOST_UNSCORED: usize = 20;

/// One sentence that says what happened.
pub fn sentence(verdict: &Verdict) -> String {
    let worst = verdict.candidates.iter().max_by_key(|one| one.verdict);
    let word = verdict.verdict.name();
    let Some(worst) = worst else { return format!("{word}: nothing was compared") };
    let (name, base) = (&worst.side.arm, &verdict.base.arm);
    let mut text = match verdict.verdict {
        Word::Ok if verdict.improved => {
            let better = verdict.candidates.iter().filter(|one| one.improved);
            let names: Vec<&str> = better.map(|one| one.side.arm.as_str()).collect();
            format!("{word}: {} passes more than {base}", names.join(" and "))
        }
        Word::Ok => format!("{word}: {name} is no worse than {base}"),
        Word::Regression => format!("{word}: {name} is worse than {base}"),
        Word::Inconclusive => format!("{word}: {name} against {base} cannot be told"),
    };
    let _ = write!(
        text,
        " ({} runs passed against {})",
        share(worst.candidate.passes, worst.candidate.scored),
        share(worst.base.passes, worst.base.scored)
    );
    text
}

/// A verdict with the numbers behind it.
pub fn verdict(verdict: &Verdict, look: Look) -> String {
    let mut text = format!("{}\n", sentence(verdict));
    for one in &verdict.candidates {
        text.push('\n');
        candidate(&mut text, verdict, one, look);
    }
    for warning in &verdict.warnings {
        paragraph(&mut text, "warning: ", warning);
    }
    if let Some(second) = &verdict.confirmation {
        let _ = write!(text, "\nsecond night, {}:\n", second.base.directory);
        paragraph(&mut text, "  ", &sentence(second));
    }
    text
}

fn candidate(text: &mut String, verdict: &Verdict, one: &Candidate, look: Look) {
    let base = &verdict.base.arm;
    let _ = writeln!(text, "{} against {base}: {}", one.side.arm, one.verdict.name());
    for reason in &one.reasons {
        paragraph(text, "  ", reason);
    }
    let width = base.chars().count().max(one.side.arm.chars().count()).min(24);
    passed(text, &verdict.base.arm, &one.base, width, look);
    passed(text, &one.side.arm, &one.candidate, width, look);
    if let Some(difference) = one.difference {
        let interval = difference
            .interval
            .map_or(String::new(), |it| format!(" [{}, {}]", signed(it.low), signed(it.high)));
        let bounds = one.bounds.filter(|_| one.base.unscored + one.candidate.unscored > 0);
        let bounds = bounds.map_or(String::new(), |it| {
            format!("; with what is missing {} to {}", signed(it.low), signed(it.high))
        });
        item(
            text,
            "difference",
            &format!(
                "{} points{interval}{bounds}, over {} tasks",
                signed(difference.estimate),
                one.tasks
            ),
        );
    }
    let about = if verdict.gate.infer == "runs" { "these tasks" } else { "tasks like these" };
    item(
        text,
        "test",
        &format!(
            "of {about}: worse p {}, better p {}",
            p(one.p_worse_adjusted),
            p(one.p_better_adjusted)
        ),
    );
    if let Some(outlook) = &one.outlook {
        self::outlook(text, outlook);
    }
    drift(text, one, base);
    if let Some(latency) = &one.latency {
        let ratio =
            latency.ratio.map_or("cannot be compared, as limits were hit".into(), |ratio| {
                format!("{ratio:.2} times as long{}", interval_of(latency.interval))
            });
        item(
            text,
            "time",
            &format!("{ratio}; {} tasks faster, {} slower", latency.faster, latency.slower),
        );
    }
    for (what, ratio) in [("cost", one.cost), ("tokens", one.tokens)] {
        if let Some(ratio) = ratio.filter(|ratio| ratio.estimate.is_some()) {
            item(text, what, &format!("{} times as much", self::ratio(&ratio)));
        }
    }
    other_tests(text, one);
    rows(text, one, verdict.gate.alpha);
    for left in &one.left_out {
        paragraph(text, "  left out: ", &format!("{}: {}", left.task, left.why));
    }
    for warning in &one.warnings {
        paragraph(text, "  warning: ", warning);
    }
}

fn passed(text: &mut String, name: &str, numbers: &ArmNumbers, width: usize, look: Look) {
    let rate = numbers.rate.map_or("no result".into(), |rate| {
        let alone = if rate.about == About::ThisTask { ", this task alone" } else { "" };
        format!("{} {}{alone}", percent(rate.estimate), percents(rate.interval))
    });
    let missing = match numbers.unscored {
        0 => String::new(),
        count => format!(", {count} without result"),
    };
    let bar = numbers
        .rate
        .filter(|_| look.bars)
        .map_or(String::new(), |rate| format!(" {}", bar(rate.estimate)));
    let name: String = name.chars().take(width).collect();
    let counts = share(numbers.passes, numbers.scored);
    let _ = writeln!(text, "  {name:width$}  {counts:>12}  {rate}{missing}{bar}");
}

/// What so many runs can show.
pub fn outlook(text: &mut String, outlook: &Outlook) {
    let points = |share: f64| format!("{:.0} points", 100.0 * share);
    let finds = match (outlook.these_tasks, outlook.tasks_like_these) {
        (Some(found), _) => {
            let drop = found.mean_drop.map_or("no drop of all tasks alike".into(), |drop| {
                format!("a drop of {}", points(drop))
            });
            let broken = match found.broken_tasks {
                Some(1) => "1 task that breaks".into(),
                Some(tasks) => format!("{tasks} tasks that break"),
                None => "no number of tasks that break".into(),
            };
            format!("{drop}, or {broken},")
        }
        (None, Some(drop)) => format!("a drop of {} over tasks like these", points(drop)),
        (None, None) => "no drop".into(),
    };
    item(text, "finds", &format!("{finds} in 80 of 100 nights"));
    let ok = 100.0 * outlook.chance_of_ok;
    let margin = points(outlook.gate.margin);
    item(
        text,
        "ok",
        &format!("comes in {ok:.0} of 100 nights if nothing changed (margin {margin})"),
    );
    if outlook.cannot_alarm {
        item(text, "alarm", "so few runs cannot alarm, whatever comes out: add repeats or tasks");
    }
}

fn drift(text: &mut String, one: &Candidate, base: &str) {
    let shown = match (one.drift.base, one.drift.candidate) {
        (None, None) => "within the night cannot be seen: one run a task".into(),
        (first, second) => {
            let each = |name: &str, found: Option<f64>| {
                found.map_or(format!("{name} cannot be seen"), |found| {
                    format!("{name} p {}", p(found))
                })
            };
            format!("within the night: {}, {}", each(base, first), each(&one.side.arm, second))
        }
    };
    item(text, "drift", &shown);
}

fn other_tests(text: &mut String, one: &Candidate) {
    let other = &one.other_tests;
    let flips = other.sign_flip.map_or(String::new(), |flips| {
        let few = if flips.telling < 6 { " (too few tasks differ)" } else { "" };
        format!("sign-flip p {}{few}, ", p(flips.p))
    });
    let chi =
        other.cochran_mantel_haenszel.map_or(String::new(), |chi| format!(", CMH p {}", p(chi.p)));
    let shown =
        format!("{flips}McNemar p {}{chi}; two-sided, they decide nothing", p(other.mcnemar_p));
    item(text, "other tests", &shown);
}

/// The tasks that changed most.
fn rows(text: &mut String, one: &Candidate, alpha: f64) {
    let mut changed: Vec<&Row> =
        one.rows.iter().filter(|row| row.base.rate() != row.candidate.rate()).collect();
    changed.sort_by(|a, b| a.p_worse.total_cmp(&b.p_worse));
    if changed.is_empty() {
        return;
    }
    if !one.row_can_fire {
        item(text, "tasks", "none can be called worse by itself with so few runs");
    }
    for row in changed.iter().take(MOST_ROWS) {
        let mark = if reaches(row.p_worse_adjusted, alpha) { "worse" } else { "" };
        let counts = |cell: Cell| format!("{}/{}", cell.passes, cell.runs);
        let name: String = row.id.chars().take(36).collect();
        let line = format!(
            "  {name:36}  {:>7} -> {:7}  p {}  {mark}",
            counts(row.base),
            counts(row.candidate),
            p(row.p_worse_adjusted)
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if changed.len() > MOST_ROWS {
        let _ = writeln!(text, "  … and {} more; --json has all", changed.len() - MOST_ROWS);
    }
}

/// All nights.
pub fn report(report: &Report, look: Look) -> String {
    let mut text = String::new();
    for (at, one) in report.nights.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        night(&mut text, one, look);
    }
    if report.nights.len() > 1 {
        text.push('\n');
        strips(&mut text, report, look);
    }
    text
}

/// One sentence on a night without a verdict.
pub fn summary(night: &NightReport) -> String {
    if let Some(verdict) = &night.verdict {
        return sentence(verdict);
    }
    let arms = night
        .arms
        .iter()
        .map(|arm| format!("{} {}", arm.facts.arm, share(arm.numbers.passes, arm.numbers.scored)));
    let arms: Vec<String> = arms.collect();
    format!("passed runs: {}", arms.join(", "))
}

fn night(text: &mut String, night: &NightReport, look: Look) {
    paragraph(text, "", &summary(night));
    let since = night.started_at.as_deref().unwrap_or("not begun");
    let _ = writeln!(
        text,
        "{} ({}), {since}: {} tasks, {} repeats, {} of {} runs done\n",
        night.directory,
        night.name,
        night.tasks,
        night.repeats,
        night.runs - night.left,
        night.runs
    );
    let width =
        night.arms.iter().map(|arm| arm.facts.arm.chars().count()).max().unwrap_or(0).min(24);
    for arm in &night.arms {
        passed(text, &arm.facts.arm, &arm.numbers, width, look);
    }
    text.push('\n');
    for arm in &night.arms {
        arm_lines(text, arm);
    }
    unscored(text, night);
    if let Some(why) = &night.no_verdict {
        paragraph(text, "no verdict: ", why);
    }
    for one in night.verdict.iter().flat_map(|verdict| &verdict.candidates) {
        let base = night.verdict.as_ref().map_or("", |verdict| &verdict.base.arm);
        let head = format!("{} against {base}: {}: ", one.side.arm, one.verdict.name());
        paragraph(text, "", &format!("{head}{}", one.reasons.join("; ")));
    }
}

fn arm_lines(text: &mut String, arm: &ArmReport) {
    let model = arm.model.as_deref().unwrap_or("the default model");
    let version = arm.facts.versions.join(", ");
    let _ = writeln!(text, "{}: {model}, OpenCode {version}", arm.facts.arm);
    item(text, "time", &times(&arm.agent_time));
    item(text, "first text", &times(&arm.first_token));
    let least = if arm.cost_complete { "" } else { "≥ " };
    if let Some(spent) = arm.spent_usd {
        let each = arm.usd_per_pass.filter(|ratio| ratio.estimate.is_some());
        let each = each.map_or(String::new(), |each| format!("; {} a pass", ratio(&each)));
        item(text, "cost", &format!("{least}{spent:.4} US dollars with all attempts{each}"));
    }
    if let Some(tokens) = arm.tokens {
        let least = if arm.usage_complete { "" } else { "≥ " };
        let steps = arm.steps.map_or(String::new(), |steps| format!(" in {least}{steps} steps"));
        item(text, "tokens", &format!("{least}{tokens}{steps}"));
    }
    if let Some(last) = arm.pass_at.last().filter(|last| last.k > 1) {
        item(
            text,
            &format!("of {} runs", last.k),
            &format!("one passes: {}; all pass: {}", percent(last.any), percent(last.all)),
        );
    }
    let stops: Vec<String> =
        arm.stops.iter().map(|(stop, count)| format!("{count} {stop}")).collect();
    item(text, "ended", &stops.join(", "));
}

fn times(times: &Times) -> String {
    if times.count == 0 {
        return "unknown".into();
    }
    let seconds = |ms: f64| format!("{:.1} s", ms / 1000.0);
    let median = times.median_ms.map_or("beyond a limit".into(), seconds);
    let interval = match (times.low_ms, times.high_ms) {
        (Some(low), Some(high)) => format!(" [{}, {}]", seconds(low), seconds(high)),
        (Some(low), None) => format!(" [{}, beyond a limit]", seconds(low)),
        _ => String::new(),
    };
    let censored = match times.censored {
        0 => String::new(),
        count => format!(", {count} hit a limit"),
    };
    format!("median {median}{interval} of {}{censored}", times.count)
}

fn unscored(text: &mut String, night: &NightReport) {
    for run in night.unscored.iter().filter(|run| run.stop != "left").take(MOST_UNSCORED) {
        let error = run.error.as_deref().map_or(String::new(), |error| format!(" ({error})"));
        let line = format!("{}/{}/{}: {}{error}", run.task, run.arm, run.repeat, run.stop);
        paragraph(text, "  without result: ", &line);
    }
}

/// One line a night for each arm, and where the version changed.
fn strips(text: &mut String, report: &Report, look: Look) {
    let mut arms: Vec<&str> = Vec::new();
    for arm in report.nights.iter().flat_map(|night| &night.arms) {
        if !arms.contains(&arm.facts.arm.as_str()) {
            arms.push(&arm.facts.arm);
        }
    }
    for name in arms {
        let _ = writeln!(text, "{name} over time");
        let mut before: Option<Vec<String>> = None;
        for night in &report.nights {
            let Some(arm) = night.arms.iter().find(|arm| arm.facts.arm == name) else { continue };
            let day = night.started_at.as_deref().and_then(|time| time.get(..10)).unwrap_or("-");
            let changed = before.as_ref().is_some_and(|before| *before != arm.facts.versions);
            let version = arm.facts.versions.join(", ");
            let version = if changed { format!("  now OpenCode {version}") } else { String::new() };
            let rate = arm.numbers.rate.map_or("no result".into(), |rate| {
                let bar =
                    if look.bars { format!(" {}", bar(rate.estimate)) } else { String::new() };
                format!("{} {}{bar}", percent(rate.estimate), percents(rate.interval))
            });
            let _ = writeln!(text, "  {day}  {rate}{version}");
            before = Some(arm.facts.versions.clone());
        }
    }
}

/// `12 of 40`.
fn share(passes: u32, runs: u32) -> String {
    format!("{passes} of {runs}")
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn percents(interval: Interval) -> String {
    format!("[{}, {}]", percent(interval.low), percent(interval.high))
}

/// Points of a rate with their sign.
fn signed(share: f64) -> String {
    // Adding zero turns -0.0 into 0.0.
    format!("{:+.1}", (1000.0 * share).round() / 10.0 + 0.0)
}

/// A p value with as many digits as say something.
pub fn p(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".into() } else { format!("{p:.4}") }
}

fn interval_of(interval: Option<Interval>) -> String {
    interval.map_or(String::new(), |it| format!(" [{:.2}, {:.2}]", it.low, it.high))
}

/// A ratio with its interval; an end without limit is left open.
pub fn ratio(ratio: &Ratio) -> String {
    let number = |value: Option<f64>| value.map_or("no limit".into(), digits);
    format!("{} [{}, {}]", number(ratio.estimate), number(ratio.low), number(ratio.high))
}

/// Three digits that count.
fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let places = (2.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.places$}")
}

fn bar(share: f64) -> String {
    let full = (share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    "█".repeat(full) + &"░".repeat(BAR - full)
}

/// A fact with its name.
fn item(text: &mut String, name: &str, fact: &str) {
    paragraph(text, &format!("  {name:<12}"), fact);
}

/// Words in lines of at most 80 letters; those after the first begin below the text of the first.
fn paragraph(text: &mut String, head: &str, words: &str) {
    const WIDTH: usize = 80;
    let indent = head.chars().count();
    let mut line = head.to_owned();
    let mut is_empty = true;
    for word in words.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    let _ = writeln!(text, "{}", line.trim_end());
}
