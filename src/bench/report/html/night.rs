//! The page of one night: what happened, how sure that is, and the way to every run.

use super::arms::{cost, rates};
use super::conditions::{commands, conditions};
use super::escape::{self, inline};
use super::frame::Page;
use super::heat::{HeatCell, HeatRun, heat_map};
use super::nights::Nights;
use super::plot::{Mark, strip};
use super::table::{section, table};
use super::verdict::{verdict, word};
use crate::bench::night::{Night, NightRun};
use crate::bench::report::amounts::{counted, duration};
use crate::bench::report::text;
use crate::bench::report::{NightReport, Unscored};
use crate::bench::results::line::RunResult;

/// The most runs without a result that are listed.
const MOST_UNSCORED: usize = 300;

/// How much HTML all sections may be together, in bytes.
const LARGEST_BODY: usize = 1_900_000;

/// What stands in the place of a section for which there is no room.
const TOO_LARGE: &str = "<p class=\"cut\">This is too large for a page; <code>occtl bench report \
                         --json</code> has all of it.</p>\n";

/// One night among others.
pub struct NightPage<'a> {
    /// Which night, and the others.
    pub nights: Nights<'a>,
    /// Its runs.
    pub night: &'a Night,
    /// The address of a run's page by its id; `None` if it has none.
    pub page_of: &'a dyn Fn(&str) -> Option<String>,
}

impl NightPage<'_> {
    fn facts(&self) -> &NightReport {
        self.nights.this()
    }

    /// The page.
    pub fn to_html(&self) -> String {
        let facts = self.facts();
        let day = facts.started_at.as_deref().and_then(|time| time.get(..10)).unwrap_or("");
        let title = format!("{} {day}", facts.name);
        let heading = format!("{} <small>{}</small>", inline(&facts.name), inline(day));
        let sections = [
            ("", self.lead()),
            ("Over several nights", self.nights.over_time()),
            ("Verdict", facts.verdict.as_ref().map(verdict).unwrap_or_default()),
            ("Pass rates", rates(&facts.arms)),
            ("Tasks", self.tasks()),
            ("Cost", cost(&facts.arms)),
            ("Time", self.times()),
            ("Runs without a result", self.unscored()),
            ("To see this again", commands(self.nights.report, facts)),
            ("Versions and hashes", conditions(facts)),
        ];
        let mut body = String::new();
        for (heading, html) in sections.into_iter().filter(|(_, html)| !html.is_empty()) {
            // What names and versions can be is bounded, and yet many of them may be too many.
            let fits = body.len() + html.len() <= LARGEST_BODY;
            let html = if fits { html } else { TOO_LARGE.into() };
            body += &if heading.is_empty() { html } else { section(heading, &html) };
        }
        Page { title: &title, heading: &heading, above: &self.nights.nav(), body: &body }.to_html()
    }

    fn lead(&self) -> String {
        let facts = self.facts();
        let badge = facts.verdict.as_ref().map(|verdict| word(verdict.verdict));
        let said = text::summary(facts);
        // The badge is the first word of the sentence.
        let rest = facts
            .verdict
            .as_ref()
            .and_then(|verdict| said.strip_prefix(verdict.verdict.name()).map(String::from));
        let mut html = format!(
            "<p class=\"lead\">{}{}</p>\n",
            badge.unwrap_or_default(),
            escape::sentence(&rest.unwrap_or(said)),
        );
        html += &format!(
            "<p>{}, {}, {}: {} of {} runs are done.</p>\n",
            counted(facts.tasks, "task"),
            counted(facts.repeats, "repeat"),
            counted(facts.arms.len(), "arm"),
            facts.runs - facts.left,
            facts.runs,
        );
        let mut warn = |text: String| {
            html += &format!("<p class=\"warning\">⚠ {text}</p>\n");
        };
        if let Some(why) = &facts.no_verdict {
            warn(format!("There is no verdict: {}", escape::sentence(why)));
        }
        if facts.not_in_plan > 0 {
            warn(format!("{} recorded runs are not in the plan any more.", facts.not_in_plan));
        }
        if facts.foreign_lines > 0 {
            warn(format!("{} lines are no results of this batch.", facts.foreign_lines));
        }
        html
    }

    fn tasks(&self) -> String {
        let facts = self.facts();
        let arms: Vec<&str> = facts.arms.iter().map(|arm| arm.facts.arm.as_str()).collect();
        let mut runs: Vec<Vec<HeatRun>> = Vec::new();
        runs.resize_with(facts.tasks * arms.len(), Vec::new);
        for run in &self.night.runs {
            if let Some(runs) = runs.get_mut(run.task * arms.len() + run.arm) {
                runs.push(self.heat_run(run));
            }
        }
        let mut runs = runs.into_iter();
        let rows = (0..facts.tasks).map(|task| {
            let cells = facts.arms.iter().map(|arm| HeatCell {
                passes: arm.tasks[task].cell.passes,
                scored: arm.tasks[task].cell.runs,
                unscored: arm.tasks[task].unscored,
                runs: runs.next().unwrap_or_default(),
            });
            (self.night.plan.tasks[task].id.as_str(), cells.collect())
        });
        heat_map(&arms, &rows.collect::<Vec<_>>())
    }

    fn heat_run(&self, run: &NightRun) -> HeatRun {
        let result = match run.result() {
            RunResult::Pass => "pass",
            RunResult::Fail => "fail",
            RunResult::Ungraded => "ungraded",
            RunResult::Unscored if run.counts.is_none() => "not run yet",
            RunResult::Unscored => "unscored",
        };
        HeatRun { repeat: run.repeat, result, page: (self.page_of)(&run.hexadecimal()) }
    }

    /// The times of all scored runs, those that a limit ended set apart.
    fn times(&self) -> String {
        let facts = self.facts();
        let marks: Vec<Vec<(u64, bool)>> =
            (0..facts.arms.len()).map(|arm| self.marks(arm)).collect();
        let Some(longest) = marks.iter().flatten().map(|(time, _)| *time).max() else {
            return "<p>No time is known.</p>\n".into();
        };
        let mut rows = String::new();
        for (arm, marks) in facts.arms.iter().zip(&marks) {
            let times = &arm.agent_time;
            let seconds = |ms: f64| duration(ms as u64);
            let median = times.median_ms.map_or("beyond a limit".into(), seconds);
            let interval = match (times.low_ms, times.high_ms) {
                (Some(low), Some(high)) => format!("{} to {}", seconds(low), seconds(high)),
                (Some(low), None) => format!("{} to beyond a limit", seconds(low)),
                _ => "too few runs".into(),
            };
            let median = if times.count == 0 { "unknown".into() } else { median };
            let words = format!(
                "{} turns up to {}, median {median}, {} hit a limit",
                times.count,
                duration(longest),
                times.censored,
            );
            let marks: Vec<Mark> = marks
                .iter()
                .map(|(time, is_censored)| Mark {
                    at: *time as f64 / longest.max(1) as f64,
                    is_censored: *is_censored,
                })
                .collect();
            rows += &format!(
                "<tr><th scope=\"row\">{}</th><td class=\"drawn\">{median}{}</td>\
                 <td>{interval}</td><td>{}</td><td>{}</td></tr>\n",
                inline(&arm.facts.arm),
                strip(&words, &marks),
                times.censored,
                times.count,
            );
        }
        let heads = ["Arm", "Median", "95 % interval", "Hit a limit", "Runs"];
        format!(
            "{}<p class=\"label\">The drawings go from 0 to {}. Each mark is a run: below the line \
             one that ended, above it one that a limit ended, which would have taken longer.</p>\n",
            table("From the prompt to the end of the turn", &heads, &rows),
            duration(longest),
        )
    }

    /// The times of an arm's scored runs in milliseconds, and whether a limit ended them.
    fn marks(&self, arm: usize) -> Vec<(u64, bool)> {
        let lines = self.night.of_arm(arm).filter_map(|run| run.counts.as_ref());
        let scored = lines.filter(|line| matches!(line.result, RunResult::Pass | RunResult::Fail));
        scored.filter_map(|line| Some((line.agent_ms?, line.is_censored()))).collect()
    }

    fn unscored(&self) -> String {
        let found: Vec<&Unscored> =
            self.facts().unscored.iter().filter(|run| run.stop != "left").collect();
        if found.is_empty() {
            return "<p>Every run that was made has a result.</p>\n".into();
        }
        let mut rows = String::new();
        for run in found.iter().take(MOST_UNSCORED) {
            let repeat = match (self.page_of)(&run.run_id) {
                Some(page) => format!("<a href=\"{page}\">{}</a>", run.repeat),
                None => run.repeat.to_string(),
            };
            rows += &format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{repeat}</td><td>{}</td><td>{}</td>\
                 </tr>\n",
                inline(&run.task),
                inline(&run.arm),
                inline(&run.stop),
                run.error.as_deref().map(inline).unwrap_or_default(),
            );
        }
        let heads = ["Task", "Arm", "Repeat", "Ended by", "Error"];
        let mut html = table("Runs of which nothing can be said", &heads, &rows);
        if found.len() > MOST_UNSCORED {
            let more = found.len() - MOST_UNSCORED;
            html += &format!("<p class=\"cut\">{more} more are not shown.</p>\n");
        }
        html
    }
}
