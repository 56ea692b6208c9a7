//! A verdict with its reasons.

use super::escape::{add_lines, inline, sentence};
use crate::bench::report::text::{self, Look};
use crate::bench::verdict::{Candidate, Verdict, Word};

/// How much HTML the numbers behind a verdict may be, in bytes.
const MOST_OF_NUMBERS: usize = 200_000;

/// The verdict with its reasons.
pub fn verdict(verdict: &Verdict) -> String {
    let mut html = String::new();
    for one in &verdict.candidates {
        html += &candidate(verdict, one);
    }
    for warning in &verdict.warnings {
        html += &format!("<p class=\"warning\">⚠ {}</p>\n", sentence(warning));
    }
    let mut numbers = String::new();
    add_lines(&mut numbers, &text::verdict(verdict, Look { bars: false }), MOST_OF_NUMBERS);
    html +=
        &format!("<details>\n<summary>All numbers</summary>\n<pre>\n{numbers}</pre>\n</details>\n");
    html
}

fn candidate(verdict: &Verdict, one: &Candidate) -> String {
    let mut html = format!(
        "<h3>{} against {}: {}</h3>\n<ul>\n",
        inline(&one.side.arm),
        inline(&verdict.base.arm),
        word(one.verdict),
    );
    let mut item = |text: &str| html += &format!("<li>{}</li>\n", sentence(text));
    one.reasons.iter().for_each(|reason| item(reason));
    if let Some(difference) = one.difference {
        let points = |share: f64| format!("{:+.1}", 100.0 * share);
        let interval = difference.interval.map_or(String::new(), |it| {
            format!(" (95 %: {} to {})", points(it.low), points(it.high))
        });
        item(&format!("difference {} points{interval}", points(difference.estimate)));
    }
    one.left_out.iter().for_each(|left| item(&format!("left out: {}: {}", left.task, left.why)));
    html += "</ul>\n";
    for warning in &one.warnings {
        html += &format!("<p class=\"warning\">⚠ {}</p>\n", sentence(warning));
    }
    html
}

/// The word of a verdict with a sign.
pub fn word(word: Word) -> String {
    let (class, sign) = match word {
        Word::Ok => ("good", "✓"),
        Word::Inconclusive => ("open", "?"),
        Word::Regression => ("bad", "✗"),
    };
    format!("<span class=\"{class}\">{sign}\u{a0}{}</span>", word.name())
}
