//! What came of nights, for people and for other programs. Every format is made from the same
//! numbers.
//!
//! Architecture invariant: nothing here writes to stdout or decides. A format is a function from
//! the numbers to text.

pub mod amounts;
mod arm;
pub mod csv;
pub mod escape;
pub mod github;
pub mod html;
pub mod junit;
pub mod markdown;
#[cfg(test)]
mod tests;
pub mod text;
pub mod trend;

use serde::Serialize;

use super::night::Night;
use super::results::line::RunResult;
use super::verdict::{Question, Side, Verdict, judge};
use crate::sorting;
pub use arm::{ArmReport, Times};

/// Nights, the oldest first, as `bench report` shows them.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One for each directory.
    pub nights: Vec<NightReport>,
}

/// What came of one night.
#[derive(Clone, Debug, Serialize)]
pub struct NightReport {
    /// The directory, as the caller named it.
    pub directory: String,
    /// The batch's id.
    pub batch: String,
    /// The plan's name.
    pub name: String,
    /// The SHA-256 of the plan.
    pub plan_sha256: String,
    /// When the first run began, RFC 3339; null before that.
    pub started_at: Option<String>,
    /// How many tasks the plan has.
    pub tasks: usize,
    /// How often each arm runs on each task.
    pub repeats: u32,
    /// How many runs the plan has.
    pub runs: usize,
    /// Those of which nothing is recorded but interruptions.
    pub left: usize,
    /// How many recorded runs the plan no longer has.
    pub not_in_plan: usize,
    /// How many lines are no results of the batch.
    pub foreign_lines: usize,
    /// The arms, in the order of the plan.
    pub arms: Vec<ArmReport>,
    /// The runs without a result.
    pub unscored: Vec<Unscored>,
    /// The verdict on the other arms against the plan's base; null without a base, with one arm,
    /// or where they cannot be compared.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict where there should be one.
    pub no_verdict: Option<String>,
}

/// A run without a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unscored {
    /// What names it.
    pub run_id: String,
    /// The task's id.
    pub task: String,
    /// The arm's id.
    pub arm: String,
    /// From 1.
    pub repeat: u32,
    /// Why the attempt ended; `left` where none is recorded.
    pub stop: String,
    /// The name of the error, if there was one.
    pub error: Option<String>,
}

/// The most runs without a result that are listed. A night in which the provider was down has as
/// many as it has runs.
const MOST_UNSCORED: usize = 1000;

impl Report {
    /// The numbers of nights, which are sorted.
    pub fn of(nights: &mut [Night]) -> Report {
        sorting::sort_by_key(nights, Night::started_ms);
        Report { nights: nights.iter().map(NightReport::of).collect() }
    }
}

impl NightReport {
    /// The day of its first run in UTC, `2026-11-30`; `-` before that.
    pub fn day(&self) -> &str {
        self.started_at.as_deref().and_then(|time| time.get(..10)).unwrap_or("-")
    }

    /// The numbers of one night.
    pub fn of(night: &Night) -> NightReport {
        let (verdict, no_verdict) = match verdict(night) {
            Some(Ok(verdict)) => (Some(verdict), None),
            Some(Err(error)) => (None, Some(error.into_message())),
            None => (None, None),
        };
        NightReport {
            directory: night.directory.display().to_string(),
            batch: night.batch.clone(),
            name: night.plan.name.clone(),
            plan_sha256: night.plan.sha256.clone(),
            started_at: night.started_ms().and_then(time),
            tasks: night.plan.tasks.len(),
            repeats: night.plan.repeats,
            runs: night.runs.len(),
            left: night.left(),
            not_in_plan: night.not_in_plan,
            foreign_lines: night.foreign,
            arms: ArmReport::all(night),
            unscored: unscored(night),
            verdict,
            no_verdict,
        }
    }
}

/// The other arms against the plan's base. What so many runs can show is left to `compare`, because
/// it takes as long as all the rest.
fn verdict(night: &Night) -> Option<crate::error::Result<Verdict>> {
    let base = night.arm(night.plan.base.as_deref()?)?;
    let others = (0..night.plan.arms.len()).filter(|arm| *arm != base);
    let others: Vec<Side> = others.map(|arm| Side { night, arm }).collect();
    let question = Question {
        gate: night.plan.gate.clone(),
        max_unscored: night.plan.max_unscored,
        common: false,
        outlook: false,
    };
    (!others.is_empty()).then(|| judge(&question, Side { night, arm: base }, &others))
}

fn unscored(night: &Night) -> Vec<Unscored> {
    let found = night.runs.iter().filter(|run| run.result() == RunResult::Unscored);
    let row = |run: &super::night::NightRun| {
        let line = run.counts.as_ref();
        Unscored {
            run_id: run.hexadecimal(),
            task: night.plan.tasks[run.task].id.clone(),
            arm: night.plan.arms[run.arm].id.clone(),
            repeat: run.repeat,
            stop: line.map_or("left".into(), |line| line.stop.name().into()),
            error: line.and_then(|line| night.error(line)).map(String::from),
        }
    };
    found.take(MOST_UNSCORED).map(row).collect()
}

/// RFC 3339 in UTC, to the second. `None` for a moment beyond the calendar.
fn time(since_1970_ms: i64) -> Option<String> {
    let seconds = jiff::Timestamp::from_second(since_1970_ms.div_euclid(1000)).ok()?;
    Some(seconds.to_string())
}
