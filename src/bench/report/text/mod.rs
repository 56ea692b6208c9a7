//! Reports and verdicts as plain text that fits 80 columns.

mod facts;
mod night;
mod verdict;

use std::fmt::Write as _;

use super::amounts::counted;
use super::escape;
use crate::bench::statistics::Interval;
use crate::bench::statistics::bootstrap::Ratio;
use crate::bench::statistics::intervals::{About, PassRate};
use crate::bench::verdict::{ArmNumbers, Candidate, Verdict, Word};
pub use facts::{facts, outlook};
pub use night::{in_order, nights, report, summary};
pub use verdict::{MOST_ROWS, changed, verdict};

/// How text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether bars are drawn with block letters: a terminal shows them, a log may not.
    pub bars: bool,
}

/// How many letters a bar has.
const BAR: usize = 16;

/// How many letters a line has.
const WIDTH: usize = 80;

/// One sentence that says what happened: the word, the reason for it, and how many runs passed.
pub fn sentence(verdict: &Verdict) -> String {
    let is_meant = |one: &&Candidate| {
        if verdict.improved { one.improved } else { one.verdict == verdict.verdict }
    };
    let meant: Vec<&Candidate> = verdict.candidates.iter().filter(is_meant).collect();
    let word = verdict.verdict.name();
    let Some((first, others)) = meant.split_first() else {
        return format!("{word}: nothing was compared");
    };
    let reason = first.reasons.first().map_or("", String::as_str);
    let mut text = format!("{word}: {reason}");
    if verdict.verdict == Word::Regression && verdict.confirmation.is_some() {
        text += ", and a second night confirms it";
    }
    let _ = write!(
        text,
        " ({} runs passed against {})",
        share(first.candidate.passes, first.candidate.scored),
        share(first.base.passes, first.base.scored)
    );
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|one| one.side.arm.as_str()).collect();
        let _ = write!(text, "; the same word for {}", names.join(", "));
    }
    text
}

/// How an arm did, in one line.
fn passed(text: &mut String, name: &str, numbers: &ArmNumbers, width: usize, look: Look) {
    let name: String = name.chars().take(width).collect();
    let counts = share(numbers.passes, numbers.scored);
    let rate = numbers.rate.map_or("no result".into(), |rate| shown_rate(&rate));
    let missing = match numbers.unscored {
        0 => String::new(),
        count => format!(", {count} without result"),
    };
    let mut line = format!("  {name:width$}  {counts:>12}  {rate}{missing}");
    if let Some(rate) = numbers.rate.filter(|_| look.bars) {
        let shown = bar(rate.estimate);
        // Bars stand below each other, unless there is no room.
        let before = width + 42;
        if line.chars().count() <= before && before + BAR <= WIDTH {
            line = format!("{line:before$}{shown}");
        }
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

fn shown_rate(rate: &PassRate) -> String {
    let alone = if rate.about == About::ThisTask { ", this task alone" } else { "" };
    format!("{} {}{alone}", percent(rate.estimate), percents(rate.interval))
}

/// `12 of 40`.
pub fn share(passes: u32, runs: u32) -> String {
    format!("{passes} of {runs}")
}

/// A share in percent.
pub fn percent(share: f64) -> String {
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
/// What a terminal would obey is spelled out, and no line begins as a command for GitHub does,
/// which reads the log of a workflow and skips spaces before a command.
fn paragraph(text: &mut String, head: &str, words: &str) {
    let indent = head.chars().count();
    let mut line = head.to_owned();
    let mut is_empty = true;
    for word in words.split_whitespace().map(escape::terminal) {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        if is_empty && word.starts_with("::") {
            line.push('\\');
        }
        line += &word;
        is_empty = false;
    }
    let _ = writeln!(text, "{}", line.trim_end());
}
