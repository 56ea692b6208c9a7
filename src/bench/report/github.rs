//! Verdicts for GitHub's workflows: annotations on stdout, and a summary of the job in a file.

use super::escape::{github, github_property};
use super::text::sentence;
use crate::bench::statistics::reaches;
use crate::bench::verdict::{Candidate, RowTest, Verdict, Word};
use crate::units::beginning;

/// The most tasks that get a line of their own: GitHub shows ten annotations of a step.
const MOST_TASKS: usize = 9;

/// The largest summary of a step that GitHub accepts, in bytes.
pub const LARGEST_SUMMARY: usize = 1024 << 10;

/// The annotations: one for the verdict, and one for each of the tasks that became worse.
/// `strict` makes an inconclusive verdict an error.
pub fn annotations(verdict: &Verdict, strict: bool) -> String {
    let level = match verdict.verdict {
        Word::Regression => "error",
        Word::Inconclusive if strict => "error",
        Word::Inconclusive => "warning",
        Word::Ok => "notice",
    };
    let mut text = vec![sentence(verdict)];
    // The sentence has said some of them.
    let reasons = verdict.candidates.iter().flat_map(|one| &one.reasons);
    text.extend(reasons.filter(|reason| !text[0].contains(*reason)).cloned().collect::<Vec<_>>());
    let mut out = line(level, "occtl bench", &text.join("; "));
    for (candidate, row) in worse(verdict).take(MOST_TASKS) {
        let (base, new) = (row.base, row.candidate);
        let text = format!(
            "{}: {} of {} runs pass, {} of {} before",
            candidate.side.arm, new.passes, new.runs, base.passes, base.runs
        );
        out += &line("warning", &row.id, &text);
    }
    out
}

/// The annotation for a comparison that was not made.
pub fn refused(message: &str) -> String {
    line("error", "occtl bench", message)
}

/// The tasks that are worse by themselves.
fn worse(verdict: &Verdict) -> impl Iterator<Item = (&Candidate, &RowTest)> {
    let alpha = verdict.gate.alpha;
    let rows = verdict.candidates.iter().flat_map(|one| one.rows.iter().map(move |row| (one, row)));
    rows.filter(move |(_, row)| reaches(row.p_worse_adjusted, alpha))
}

/// A workflow command.
fn line(level: &str, title: &str, text: &str) -> String {
    format!("::{level} title={}::{}\n", github_property(title), github(text))
}

/// A summary that is cut to what GitHub accepts, given how much is in the file already.
pub fn summary(markdown: &str, before: usize) -> String {
    const NOTE: &str = "\n\n(cut: a step's summary can have 1024 KiB)\n";
    let room = LARGEST_SUMMARY.saturating_sub(before);
    if markdown.len() <= room {
        return markdown.into();
    }
    if room < NOTE.len() {
        return String::new();
    }
    format!("{}{NOTE}", beginning(markdown, room - NOTE.len()))
}
