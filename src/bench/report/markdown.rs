//! Reports as Markdown: for a file, a chat, or the summary of a workflow.

use std::fmt::Write as _;

use super::escape::markdown as escape;
use super::text::{self, summary};
use super::{NightReport, Report};
use crate::bench::verdict::{Candidate, Verdict};

/// All nights.
pub fn report(report: &Report) -> String {
    let mut out = String::new();
    for night in &report.nights {
        let _ = writeln!(out, "## {}\n", escape(&night.name));
        let _ = writeln!(out, "**{}**\n", escape(&summary(night)));
        facts(&mut out, night);
        arms(&mut out, night);
        tasks(&mut out, night);
        if let Some(verdict) = &night.verdict {
            candidates(&mut out, verdict);
        }
        unscored(&mut out, night);
    }
    out
}

/// One verdict.
pub fn verdict(verdict: &Verdict) -> String {
    let mut out = format!("**{}**\n\n", escape(&text::sentence(verdict)));
    candidates(&mut out, verdict);
    for warning in &verdict.warnings {
        let _ = writeln!(out, "- warning: {}", escape(warning));
    }
    out
}

fn facts(out: &mut String, night: &NightReport) {
    let since = night.started_at.as_deref().unwrap_or("not begun");
    let done = night.runs - night.left;
    let _ = writeln!(
        out,
        "{} — {since} — {} tasks, {} repeats, {done} of {} runs done\n",
        escape(&night.directory),
        night.tasks,
        night.repeats,
        night.runs
    );
}

fn arms(out: &mut String, night: &NightReport) {
    let _ =
        writeln!(out, "| arm | model | passed | rate | 95 % | no result | median time | cost |");
    let _ = writeln!(out, "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |");
    for arm in &night.arms {
        let numbers = &arm.numbers;
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let rate = numbers.rate.map_or(String::new(), |rate| percent(rate.estimate));
        let interval = numbers.rate.map_or(String::new(), |rate| {
            format!("{} to {}", percent(rate.interval.low), percent(rate.interval.high))
        });
        let time = arm.agent_time.median_ms;
        let time = time.map_or(String::new(), |ms| format!("{:.1} s", ms / 1000.0));
        let least = if arm.cost_complete { "" } else { "≥ " };
        let cost = arm.spent_usd.map_or(String::new(), |usd| format!("{least}{usd:.4} USD"));
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
        let (name, base) = (escape(&one.side.arm), escape(&verdict.base.arm));
        let _ = writeln!(out, "{name} against {base}: **{}**\n", one.verdict.name());
        for line in lines(one) {
            let _ = writeln!(out, "- {}", escape(&line));
        }
        out.push('\n');
    }
}

/// What is said of a candidate, a line each.
fn lines(one: &Candidate) -> Vec<String> {
    let mut lines = one.reasons.clone();
    if let Some(difference) = one.difference {
        let points = |share: f64| format!("{:+.1}", 100.0 * share);
        let interval = difference.interval.map_or(String::new(), |it| {
            format!(", 95 % {} to {}", points(it.low), points(it.high))
        });
        lines.push(format!("difference {} points{interval}", points(difference.estimate)));
    }
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
