//! The page of one run, with all its attempts.

use std::path::Path;

use super::artifacts::{Artifacts, Extract};
use super::changes::changes;
use super::escape::inline;
use super::facts::{Facts, verdict};
use super::frame::Page;
use super::passage::{Passage, Whole};
use super::step::heading;
use super::steps::{Wanted, steps};
use crate::bench::report::amounts::{dollars, duration, size};
use crate::bench::results::line::{RunResult, Stop};
use crate::bench::results::row::Row;

/// How much HTML a page may be, in bytes: a browser on a phone opens it, and so does a mailer.
const LARGEST_PAGE: usize = 2_000_000;
/// What of it the parts around the steps may make together: facts, list of attempts and frame.
const AROUND: usize = 250_000;
/// What the prompt may make.
const MOST_OF_A_PROMPT: usize = 120_000;
/// What all earlier attempts may make together.
const MOST_OF_EARLIER: usize = 400_000;
/// The least that an attempt must have to be shown.
const LEAST: usize = 60_000;
/// What the table of attempts may make.
const MOST_OF_THE_TABLE: usize = 40_000;
/// How much of what a check printed is read, in bytes: its end.
const MOST_OF_A_CHECK: u64 = 64 << 10;

/// One run, and where everything about it is.
pub struct RunPage<'a> {
    /// The directory of the batch.
    pub batch: &'a Path,
    /// The way from the page to that directory; ends in `/`.
    pub to_batch: &'a str,
    /// The address of the page that lists all runs; `None` if there is none.
    pub index: Option<&'a str>,
    /// The task's id.
    pub task: &'a str,
    /// The arm's id.
    pub arm: &'a str,
    /// From 1.
    pub repeat: u32,
    /// What the agent was told.
    pub prompt: &'a str,
    /// All attempts, the oldest first, each followed by its rechecks.
    pub attempts: Vec<&'a Row>,
}

impl RunPage<'_> {
    /// The page, of at most [`LARGEST_PAGE`] bytes whatever the files of the run are.
    pub fn to_html(&self) -> String {
        let name = format!("{} / {} / {}", self.task, self.arm, self.repeat);
        let newest = self.attempts.last();
        let mut body = String::new();
        body += &format!(
            "<p class=\"lead\">{}</p>\n",
            newest.map_or("It has not run yet.".into(), |row| lead(row))
        );
        if self.attempts.len() > 1 {
            body += &self.table();
        }
        let mut left = LARGEST_PAGE - AROUND;
        let prompt = self.prompt_section();
        left -= prompt.len();
        let earlier = self.earlier();
        left = left.saturating_sub(earlier.len());
        if let Some(row) = newest {
            let artifacts = Artifacts::of(self.batch, self.to_batch, row);
            let part = Attempt { run: self, artifacts: &artifacts, level: 2, most: left };
            body += &part.facts();
            body += &prompt;
            body += &part.work();
        } else {
            body += &prompt;
        }
        body += &earlier;
        let above = self.index.map_or(String::new(), |index| {
            format!("<nav aria-label=\"Report\"><a href=\"{index}\">All runs</a></nav>\n")
        });
        let heading = format!(
            "{} <small>arm {}, repeat {}</small>",
            inline(self.task),
            inline(self.arm),
            self.repeat
        );
        Page { title: &name, heading: &heading, above: &above, body: &body }.to_html()
    }

    fn prompt_section(&self) -> String {
        let mut html = String::from("<section>\n<h2>Prompt</h2>\n");
        let mut text = String::new();
        let taken =
            super::escape::add_lines(&mut text, self.prompt.trim_end(), MOST_OF_A_PROMPT / 2);
        html += &format!("<div class=\"prose\">{text}</div>\n");
        let missing = self.prompt.trim_end().len() - taken;
        if missing > 0 {
            html += &format!("<p class=\"cut\">{} more are not shown.</p>\n", size(missing as u64));
        }
        html + "</section>\n"
    }

    /// All attempts in a table.
    fn table(&self) -> String {
        let mut rows: Vec<String> = Vec::new();
        for row in self.attempts.iter().rev() {
            let what = match row.recheck_of {
                Some(number) => format!("{}, graded again ({number})", row.attempt),
                None => row.attempt.to_string(),
            };
            let error = row.error.as_ref().map(|error| inline(&error.name)).unwrap_or_default();
            rows.push(format!(
                "<tr><th scope=\"row\">{what}</th><td>{}</td><td>{}</td><td>{error}</td><td>{}</td>\
                 <td>{}</td></tr>\n",
                verdict(row.result),
                row.stop.name(),
                row.agent_ms.map(duration).unwrap_or_default(),
                row.cost_usd.map(dollars).unwrap_or_default(),
            ));
            if rows.iter().map(String::len).sum::<usize>() > MOST_OF_THE_TABLE {
                break;
            }
        }
        let hidden = self.attempts.len() - rows.len();
        let note =
            if hidden > 0 { format!(", without {hidden} older ones") } else { String::new() };
        let rows: String = rows.into_iter().rev().collect();
        format!(
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Attempts\">\n<table>\n\
             <caption>Attempts{note}</caption>\n<thead><tr><th scope=\"col\">Attempt</th>\
             <th scope=\"col\">Result</th><th scope=\"col\">Ended</th><th scope=\"col\">Error</th>\
             <th scope=\"col\">Time</th><th scope=\"col\">Cost</th></tr></thead>\n\
             <tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        )
    }

    /// The attempts before the newest one, folded. The files of an attempt and of its rechecks are
    /// the same.
    fn earlier(&self) -> String {
        let newest = self.attempts.last().map(|row| row.attempt);
        let mut rows: Vec<&Row> = Vec::new();
        for row in self.attempts.iter().rev().filter(|row| Some(row.attempt) != newest) {
            if rows.last().is_none_or(|last| last.attempt != row.attempt) {
                rows.push(row);
            }
        }
        if rows.is_empty() {
            return String::new();
        }
        let mut html = String::from("<section>\n<h2>Earlier attempts</h2>\n");
        let share = (MOST_OF_EARLIER / rows.len()).max(LEAST);
        for row in rows {
            if html.len() >= MOST_OF_EARLIER {
                html += "<p class=\"cut\">More attempts are not shown.</p>\n";
                break;
            }
            let artifacts = Artifacts::of(self.batch, self.to_batch, row);
            let part = Attempt { run: self, artifacts: &artifacts, level: 4, most: share };
            html += &format!(
                "<details class=\"attempt\">\n<summary><h3>Attempt {}: {}</h3></summary>\n\
                 <div class=\"inner\">\n<p>{}</p>\n{}{}</div>\n</details>\n",
                row.attempt,
                verdict(row.result),
                lead(row),
                part.facts(),
                part.work(),
            );
        }
        html + "</section>\n"
    }
}

/// One attempt on the page.
struct Attempt<'a> {
    run: &'a RunPage<'a>,
    artifacts: &'a Artifacts<'a>,
    /// The level of its headings.
    level: usize,
    /// How much HTML [`Attempt::work`] may make, in bytes.
    most: usize,
}

impl Attempt<'_> {
    fn section(&self, name: &str, html: &str) -> String {
        let tag = heading(self.level);
        format!("<section>\n<{tag}>{name}</{tag}>\n{html}</section>\n")
    }

    /// Everything that the result line says.
    fn facts(&self) -> String {
        let line = self.artifacts.line();
        if line.is_null() {
            return String::new();
        }
        self.section("Facts", &Facts(&line).tables())
    }

    /// Model, machine and hashes.
    fn conditions(&self) -> String {
        let line = self.artifacts.line();
        if line.is_null() {
            return String::new();
        }
        self.section("Conditions", &Facts(&line).conditions())
    }

    /// What the agent did, what it changed, what the check said of that, and all files.
    fn work(&self) -> String {
        let changes =
            changes(self.artifacts, self.most / 4).map(|html| self.section("Changes", &html));
        let check = self.check().map(|html| self.section("Check", &html));
        let notes = self.notes().map(|html| self.section("What did not count", &html));
        let files = self.section("Files", &self.artifacts.list());
        let rest = [changes, check, notes, Some(self.conditions()), Some(files)]
            .into_iter()
            .flatten()
            .collect::<String>();
        let most = self.most.saturating_sub(rest.len() + 1000);
        let wanted = Wanted { prompt: self.run.prompt, most, level: self.level };
        let steps = steps(self.artifacts, &wanted).unwrap_or_else(|| self.answer());
        self.section("Steps", &steps) + &rest
    }

    /// What the record of the turn says where there is no transcript.
    fn answer(&self) -> String {
        let turn = self.artifacts.json("turn.json");
        let mut html = String::from("<p class=\"warning\">⚠ There is no transcript.</p>\n");
        if let Some(answer) = turn["answer"].as_str().filter(|text| !text.is_empty()) {
            html += "<p class=\"label\">The answer</p>\n";
            let passage = Passage { text: answer, missing: 0, most: self.most / 4 };
            passage.add_prose(&mut html, &self.whole("turn.json"));
        }
        html
    }

    fn check(&self) -> Option<String> {
        let most = (self.most / 8) as u64;
        let Extract { text, missing } =
            self.artifacts.end("check.txt", MOST_OF_A_CHECK.min(most))?;
        let mut html = String::new();
        if missing > 0 {
            let (link, missing) = (self.artifacts.link("check.txt"), size(missing));
            html += &format!(
                "<p class=\"cut\">The end of what it printed; {missing} before it are in {link}.\
                 </p>\n"
            );
        }
        if text.trim().is_empty() {
            return Some("<p>It printed nothing.</p>\n".into());
        }
        let passage = Passage { text: &text, missing: 0, most: self.most / 8 };
        passage.add_code(&mut html, &self.whole("check.txt"));
        Some(html)
    }

    fn notes(&self) -> Option<String> {
        let most = self.most / 16;
        let Extract { text, missing } = self.artifacts.beginning("notes.txt", most as u64)?;
        let mut html = String::new();
        let passage = Passage { text: &text, missing, most };
        passage.add_code(&mut html, &self.whole("notes.txt"));
        Some(html)
    }

    fn whole<'a>(&'a self, name: &'a str) -> Whole<'a> {
        Whole { artifacts: self.artifacts, name }
    }
}

/// What came of an attempt, in one sentence.
fn lead(row: &Row) -> String {
    let why = match row.result {
        RunResult::Pass => "the check passed",
        RunResult::Fail => "the check did not pass",
        RunResult::Ungraded => "the task has no check",
        RunResult::Unscored => "nothing can be said of the agent",
    };
    let mut text = format!("{}: {why}", verdict(row.result));
    if row.stop != Stop::Done {
        text += &format!("; the agent's work ended by {}", row.stop.name());
    }
    if let Some(error) = &row.error {
        text += &format!("; {}: {}", inline(&error.name), inline(&error.message));
    }
    let time = row.agent_ms.map(|time| format!("after {}", duration(time)));
    let at_least = if row.usage_complete { "" } else { "at least " };
    let cost = row.cost_usd.map(|cost| format!("for {at_least}{}", dollars(cost)));
    let used: Vec<String> = [time, cost].into_iter().flatten().collect();
    if !used.is_empty() {
        text += &format!(" ({})", used.join(" "));
    }
    if row.attempt > 1 {
        text += &format!(". This was attempt {}", row.attempt);
    }
    text + "."
}
