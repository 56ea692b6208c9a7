//! Reports as Markdown: for a file, a chat, or the summary of a workflow.

use std::fmt::Write as _;

use super::amounts::counted;
use super::escape::markdown as escape;
use super::text::{self, MOST_ROWS, changed, percent, summary};
use super::{ArmReport, NightReport, Report};
use crate::bench::verdict::{Candidate, Verdict};
use crate::units::usd;

/// All nights. Of several, what they have in common comes first.
pub fn report(report: &Report) -> String {
    let mut out = String::new();
    if report.nights.len() > 1 {
        let _ = writeln!(out, "**{}**\n", escape(&text::nights(report)));
        strips(&mut out, report);
    }
    for night in &report.nights {
        let _ = writeln!(out, "## {} {}\n", escape(&night.name), night.day());
        let _ = writeln!(out, "**{}**\n", escape(&summary(night)));
        facts(&mut out, night);
        arms(&mut out, night);
        tasks(&mut out, night);
        if let Some(verdict) = &night.verdict {
            candidates(&mut out, verdict);
        }
        if let Some(why) = &night.no_verdict {
            let _ = writeln!(out, "- no verdict: {}", escape(why));
        }
        unscored(&mut out, night);
    }
    out
}

/// One verdict.
pub fn verdict(verdict: &Verdict) -> String {
    let mut out = format!("**{}**\n\n", escape(&text::sentence(verdict)));
    candidates(&mut out, verdict);
    if let Some(second) = &verdict.confirmation {
        let _ = writeln!(
            out,
            "- second night, {}: {}",
            escape(&second.base.directory),
            escape(&text::sentence(second))
        );
    }
    out
}

/// A row for each arm and night.
fn strips(out: &mut String, report: &Report) {
    let _ = writeln!(out, "| arm | night | rate | 95 % | verdict | new version |");
    let _ = writeln!(out, "| --- | --- | ---: | --- | --- | --- |");
    for (name, nights) in text::in_order(report) {
        for one in nights {
            let (rate, interval) = rate(one.arm);
            let word = one.word.map_or("", |word| word.name());
            let version = one.changed.as_deref().map_or(String::new(), escape);
            let (name, day) = (escape(name), one.night.day());
            let _ = writeln!(out, "| {name} | {day} | {rate} | {interval} | {word} | {version} |");
        }
    }
    out.push('\n');
}

/// The pass rate of an arm and its interval.
fn rate(arm: &ArmReport) -> (String, String) {
    let Some(rate) = arm.numbers.rate else { return Default::default() };
    let (low, high) = (percent(rate.interval.low), percent(rate.interval.high));
    (percent(rate.estimate), format!("{low} to {high}"))
}

fn facts(out: &mut String, night: &NightReport) {
    let since = night.started_at.as_deref().unwrap_or("not begun");
    let done = night.runs - night.left;
    let _ = writeln!(
        out,
        "{} — {since} — {}, {}, {done} of {} runs done\n",
        escape(&night.directory),
        counted(night.tasks, "task"),
        counted(night.repeats, "repeat"),
        night.runs
    );
}

fn arms(out: &mut String, night: &NightReport) {
    let _ =
        writeln!(out, "| arm | model | passed | rate | 95 % | no result | median time | cost |");
    let _ = writeln!(out, "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |");
    for arm in &night.arms {
        let numbers = &arm.numbers;
        let (rate, interval) = rate(arm);
        let time = arm.agent_time.median_ms;
        let time = time.map_or(String::new(), |ms| format!("{:.1} s", ms / 1000.0));
        let least = if arm.cost_complete { "" } else { "≥ " };
        let cost =
            arm.spent_usd.map_or(String::new(), |spent| format!("{least}{} USD", usd(spent, 4)));
        let _ = writeln!(
            out,
            "| {} | {} | {} of {} | {rate} | {interval} | {} | {time} | {cost} |",
            escape(&arm.facts.arm),
            escape(arm.model.as_deref().unwrap_or("")),
            numbers.passes,
            numbers.scored,
            numbers.unscored
        );
    }
    out.push('\n');
}

/// Passes of each task in each arm.
fn tasks(out: &mut String, night: &NightReport) {
    let Some(first) = night.arms.first() else { return };
    let names = night.arms.iter().map(|arm| format!(" {} |", escape(&arm.facts.arm)));
    let _ = writeln!(out, "| task |{}", names.collect::<String>());
    let _ = writeln!(out, "| --- |{}", " ---: |".repeat(night.arms.len()));
    for (at, row) in first.tasks.iter().enumerate() {
        let cells = night.arms.iter().map(|arm| {
            let cell = &arm.tasks[at];
            format!(" {}/{} |", cell.cell.passes, cell.cell.runs)
        });
        let _ = writeln!(out, "| {} |{}", escape(&row.task), cells.collect::<String>());
    }
    out.push('\n');
}

fn candidates(out: &mut String, verdict: &Verdict) {
    for one in &verdict.candidates {
        let [base, name] = one.side.names_beside(&verdict.base).map(|name| escape(&name));
        let _ = writeln!(out, "{name} against {base}: **{}**\n", one.verdict.name());
        for line in lines(verdict, one) {
            let _ = writeln!(out, "- {}", escape(&line));
        }
        out.push('\n');
    }
    for warning in &verdict.warnings {
        let _ = writeln!(out, "- warning: {}", escape(warning));
    }
}

/// What is said of a candidate, a line each.
fn lines(verdict: &Verdict, one: &Candidate) -> Vec<String> {
    let mut lines = one.reasons.clone();
    let changed = changed(one);
    lines.extend(changed.iter().take(MOST_ROWS).map(|row| {
        let (base, now) = (row.base, row.candidate);
        let counts =
            format!("{}/{} before, {}/{} now", base.passes, base.runs, now.passes, now.runs);
        format!("task {}: {counts}, p {}", row.id, text::p(row.p_worse_adjusted))
    }));
    if changed.len() > MOST_ROWS {
        lines.push(format!("and {} more tasks that differ", changed.len() - MOST_ROWS));
    }
    let facts = text::facts(verdict, one).into_iter();
    lines.extend(facts.map(|(name, fact)| format!("{name}: {fact}")));
    lines.extend(one.left_out.iter().map(|left| format!("left out: {}: {}", left.task, left.why)));
    lines.extend(one.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines
}

fn unscored(out: &mut String, night: &NightReport) {
    /// A night in which the provider was down would otherwise be nothing else.
    const MOST: usize = 50;
    let found: Vec<_> = night.unscored.iter().filter(|run| run.stop != "left").collect();
    for run in found.iter().take(MOST) {
        let error = run.error.as_deref().unwrap_or("");
        let name = format!("{}/{}/{}", run.task, run.arm, run.repeat);
        let _ = writeln!(out, "- no result: {}: {} {}", escape(&name), run.stop, escape(error));
    }
    if found.len() > MOST {
        let _ = writeln!(out, "- and {} more without a result", found.len() - MOST);
    }
    if !found.is_empty() {
        out.push('\n');
    }
}
