//! One verdict on candidates against a base: its word, why, and all numbers behind it. Text, JSON,
//! JUnit, annotations and the exit status are all made from it, so that they cannot disagree.

mod candidate;
mod choose;
mod cost;
mod decision;
mod drift;
mod gate;
mod judge;
mod outlook;
mod pairs;
mod question;
mod rows;
mod side;
#[cfg(test)]
mod tests;
mod warnings;
mod words;

use serde::Serialize;

use super::statistics::bootstrap::Ratio;
use super::statistics::exact::Stratified;
use super::statistics::intervals::{Mean, PassRate};
use super::statistics::latency;
use super::statistics::sign_flip::SignFlip;
use super::statistics::tables::ChiSquare;
use super::statistics::{Cell, Interval};
pub use candidate::arm_numbers;
pub use choose::Chosen;
pub use drift::of_arm as drift_of_arm;
pub use gate::GateFacts;
pub use judge::judge;
pub use outlook::{Outlook, outlook, unknown_design};
pub use question::Question;
pub use side::{Side, SideFacts, TaskRuns};
pub use words::points;

/// The word of a verdict, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// There is evidence that nothing became worse by more than the margin.
    Ok,
    /// Neither is shown.
    Inconclusive,
    /// Something became worse.
    Regression,
}

impl Word {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Word::Ok => "ok",
            Word::Inconclusive => "inconclusive",
            Word::Regression => "regression",
        }
    }
}

/// The verdict on all candidates.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// That of the worst candidate.
    pub verdict: Word,
    /// Whether no candidate is worse and at least one is better.
    pub improved: bool,
    /// When a comparison alarms.
    pub gate: GateFacts,
    /// What candidates are compared with.
    pub base: SideFacts,
    /// One for each arm that is compared.
    pub candidates: Vec<Candidate>,
    /// What a reader must know about the whole comparison.
    pub warnings: Vec<String>,
    /// The verdict of a second night on the candidates that were a regression; null without one.
    pub confirmation: Option<Box<Verdict>>,
}

impl Verdict {
    /// Takes the verdict of a second night on those candidates that were a regression: they stay
    /// one only if they are one there as well.
    pub fn confirm(&mut self, second: Verdict) {
        for one in self.candidates.iter_mut().filter(|one| one.verdict == Word::Regression) {
            let again = second.candidates.iter().find(|other| other.side.arm == one.side.arm);
            let is_confirmed = again.is_some_and(|again| again.verdict == Word::Regression);
            if is_confirmed {
                one.reasons.push("a second night confirms it".into());
            } else {
                let name = &one.side.arm;
                let why = format!("alarm not confirmed: a second night of {name} has none");
                one.verdict = Word::Inconclusive;
                one.reasons.insert(0, why);
            }
        }
        let words = self.candidates.iter().map(|one| one.verdict);
        self.verdict = words.max().unwrap_or(Word::Inconclusive);
        self.confirmation = Some(Box::new(second));
    }
}

/// The verdict on one candidate.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// What is compared.
    #[serde(flatten)]
    pub side: SideFacts,
    /// Its word.
    pub verdict: Word,
    /// Whether it passes more than the base.
    pub improved: bool,
    /// Why it has this word, in sentences; the first is the most important.
    pub reasons: Vec<String>,
    /// Tasks with a result in both arms.
    pub tasks: usize,
    /// How the base did on the tasks that both have.
    pub base: ArmNumbers,
    /// How the candidate did on them.
    pub candidate: ArmNumbers,
    /// The mean over tasks of the candidate's pass rate less the base's, with its interval; null
    /// without a task.
    pub difference: Option<Mean>,
    /// The interval at the level 1 − 2 α that has to end above the margin, guarded against tasks
    /// that happen not to differ; null with fewer than two tasks.
    pub guarded: Option<Interval>,
    /// What the difference can be, whatever the runs without a result would have given.
    pub bounds: Option<Interval>,
    /// The exact test of these very tasks.
    pub runs_test: Stratified,
    /// How surprising the drop is, by the test of the gate; one-sided.
    pub p_worse: f64,
    /// The same for a gain.
    pub p_better: f64,
    /// `p_worse`, adjusted for the number of candidates.
    pub p_worse_adjusted: f64,
    /// `p_better`, adjusted for the number of candidates.
    pub p_better_adjusted: f64,
    /// Whether no result of so many runs could be a regression.
    pub cannot_alarm: bool,
    /// What so many runs can show; null where it was not asked for.
    pub outlook: Option<Outlook>,
    /// Whether an arm changed during the night.
    pub drift: Drift,
    /// The tests that are only printed.
    pub other_tests: OtherTests,
    /// How the candidate's times compare; null where none is known.
    pub latency: Option<latency::Comparison>,
    /// What the candidate's runs cost by those of the base; null where it is not known.
    pub cost: Option<Ratio>,
    /// The same for tokens.
    pub tokens: Option<Ratio>,
    /// Each task that both have.
    pub rows: Vec<RowTest>,
    /// Each tag of those tasks.
    pub tags: Vec<RowTest>,
    /// Whether one task alone could be called worse.
    pub row_can_fire: bool,
    /// Tasks that are not compared, and why.
    pub left_out: Vec<LeftOut>,
    /// What a reader must know.
    pub warnings: Vec<String>,
}

/// How an arm did on the tasks that are compared.
#[derive(Clone, Debug, Serialize)]
pub struct ArmNumbers {
    /// Runs that passed.
    pub passes: u32,
    /// Runs that passed or failed.
    pub scored: u32,
    /// Runs of which nothing can be said, and those that are still to be done.
    pub unscored: u32,
    /// The pass rate over tasks; null without a scored run.
    pub rate: Option<PassRate>,
    /// The share of passes if all runs without a result had failed, and if they had passed.
    pub bounds: Option<Interval>,
    /// The mean score over tasks; null if scores are nothing but 0 and 1.
    pub score: Option<Mean>,
    /// Its interval by drawing tasks again, which does not take scores for normal.
    pub score_bootstrap: Option<Interval>,
    /// What a run cost on average over all that is known, in US dollars.
    pub cost_usd: Option<f64>,
}

/// Whether the arms changed during the night: the p values of a two-sided test of the later half of
/// each task's runs against the earlier half. Null where there is one run a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Drift {
    /// Of the base.
    pub base: Option<f64>,
    /// Of the candidate.
    pub candidate: Option<f64>,
}

/// Tests that are printed and decide nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OtherTests {
    /// Of the differences of tasks; null where the numbers of runs differ too much.
    pub sign_flip: Option<SignFlip>,
    /// Of runs of one task and repeat of which one passed and one failed, two-sided.
    pub mcnemar_p: f64,
    /// Of Cochran, Mantel and Haenszel; null where no task has passes and failures.
    pub cochran_mantel_haenszel: Option<ChiSquare>,
}

/// One task, or all tasks with one tag.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowTest {
    /// The task's id, or the tag.
    pub id: String,
    /// Runs of the base.
    pub base: Cell,
    /// Runs of the candidate.
    pub candidate: Cell,
    /// How surprising a drop is, one-sided.
    pub p_worse: f64,
    /// The same, adjusted for the number of rows.
    pub p_worse_adjusted: f64,
}

/// A task that is not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its id.
    pub task: String,
    /// Why.
    pub why: String,
}
