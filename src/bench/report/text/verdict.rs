//! A verdict as text.

use std::fmt::Write as _;

use super::{Look, facts, item, p, paragraph, passed, sentence};
use crate::bench::statistics::{Cell, reaches};
use crate::bench::verdict::{Candidate, RowTest, Verdict};
use crate::sorting;

/// The most rows of tasks that are listed: those that changed most.
pub const MOST_ROWS: usize = 20;

/// A verdict with the numbers behind it.
pub fn verdict(verdict: &Verdict, look: Look) -> String {
    let mut text = String::new();
    paragraph(&mut text, "", &sentence(verdict));
    for one in &verdict.candidates {
        text.push('\n');
        candidate(&mut text, verdict, one, look);
    }
    if !verdict.warnings.is_empty() {
        text.push('\n');
    }
    for warning in &verdict.warnings {
        paragraph(&mut text, "warning: ", warning);
    }
    if let Some(second) = &verdict.confirmation {
        text.push('\n');
        let head = format!("second night, {}: ", second.base.directory);
        paragraph(&mut text, "", &format!("{head}{}", sentence(second)));
    }
    text
}

fn candidate(text: &mut String, verdict: &Verdict, one: &Candidate, look: Look) {
    let [base, name] = one.side.names_beside(&verdict.base);
    paragraph(text, "", &format!("{name} against {base}: {}", one.verdict.name()));
    for reason in &one.reasons {
        paragraph(text, "  ", reason);
    }
    let width = base.chars().count().max(name.chars().count()).min(22);
    passed(text, &base, &one.base, width, look);
    passed(text, &name, &one.candidate, width, look);
    rows(text, one, verdict.gate.alpha);
    for (name, fact) in facts(verdict, one) {
        item(text, name, &fact);
    }
    for left in &one.left_out {
        paragraph(text, "  left out: ", &format!("{}: {}", left.task, left.why));
    }
    for warning in &one.warnings {
        paragraph(text, "  warning: ", warning);
    }
}

/// The tasks whose pass rates differ, those that became worse first.
pub fn changed(one: &Candidate) -> Vec<&RowTest> {
    let mut changed: Vec<&RowTest> =
        one.rows.iter().filter(|row| row.base.rate() != row.candidate.rate()).collect();
    sorting::sort_by(&mut changed, |a, b| a.p_worse.total_cmp(&b.p_worse));
    changed
}

/// The tasks that changed most.
fn rows(text: &mut String, one: &Candidate, alpha: f64) {
    let changed = changed(one);
    for row in changed.iter().take(MOST_ROWS) {
        let mark = if reaches(row.p_worse_adjusted, alpha) { "worse" } else { "" };
        let counts = |cell: Cell| format!("{}/{}", cell.passes, cell.runs);
        let name: String = row.id.chars().take(34).collect();
        let line = format!(
            "    {name:34}  {:>7} -> {:7}  p {}  {mark}",
            counts(row.base),
            counts(row.candidate),
            p(row.p_worse_adjusted)
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if changed.len() > MOST_ROWS {
        let _ = writeln!(text, "    and {} more; --json has all", changed.len() - MOST_ROWS);
    }
}
