//! What a batch has done, and what is still to be done.

use std::collections::{BTreeMap, BTreeSet};

use super::outage::forgiven;
use crate::bench::plan::Plan;
use crate::bench::results::file::Lines;
use crate::bench::results::line::Stop;
use crate::bench::results::row::Row;
use crate::bench::schedule::{Run, Shard, provider};
use crate::sorting;
use crate::units;

/// Errors after which no other run of the arm can go better: the agent child or the trial names
/// them.
const STOPS_ARM: [&str; 4] = ["authentication", "unknown_model", "quota", "binary_changed"];

/// How often a run whose own process was killed is taken for one that was ended from outside.
/// After that the task is what kills it.
const MOST_INTERRUPTED: usize = 5;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The newest attempt has a result.
    Scored,
    /// An attempt is to be made.
    Due,
    /// It has used its attempts, and none has a result.
    Spent,
    /// Its arm was stopped.
    ArmStopped,
}

impl Standing {
    /// Whether no attempt is made any more, as long as nothing opens the run again.
    pub fn is_settled(self) -> bool {
        matches!(self, Standing::Scored | Standing::Spent)
    }
}

/// All runs of a plan with what came of them.
pub struct Ledger<'a> {
    plan: &'a Plan,
    /// The runs of the plan, in their order.
    pub runs: Vec<Run>,
    /// What is recorded.
    pub lines: Lines,
    forgiven: BTreeSet<usize>,
    /// The arms that no run can go well with, and why.
    stopped: BTreeMap<usize, String>,
    /// How many attempts of a run do not count, because it was opened again after them.
    reopened: BTreeMap<String, usize>,
}

impl<'a> Ledger<'a> {
    /// The runs of a plan, and what is recorded of them.
    pub fn new(plan: &'a Plan, runs: Vec<Run>, lines: Lines) -> Ledger<'a> {
        let mut ledger = Ledger {
            plan,
            runs,
            lines,
            forgiven: BTreeSet::new(),
            stopped: BTreeMap::new(),
            reopened: BTreeMap::new(),
        };
        ledger.forgive();
        ledger
    }

    /// The plan whose runs these are.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// The runs alone.
    pub fn into_runs(self) -> Vec<Run> {
        self.runs
    }

    /// What a shard has spent, as far as it is known. Each has its own part of the budget, so what
    /// the others spend is not counted.
    pub fn spent(&self, shard: Shard) -> f64 {
        let name = shard.name();
        let own = self.lines.rows.iter().filter(|row| row.shard.as_deref() == Some(&*name));
        units::sum(own.filter_map(Row::own_cost))
    }

    /// How a run stands.
    pub fn standing(&self, run: &Run) -> Standing {
        self.standing_after(run, self.lines.places(&run.id))
    }

    /// How a run stands, and its newest attempt. All runs of a batch are asked for both.
    pub fn standing_and_newest(&self, run: &Run) -> (Standing, Option<&Row>) {
        let places = self.lines.places(&run.id);
        let newest = places.clone().last().map(|at| &self.lines.rows[at]);
        (self.standing_after(run, places), newest)
    }

    /// How a run stands with attempts at these places.
    fn standing_after(&self, run: &Run, places: impl Iterator<Item = usize> + Clone) -> Standing {
        let open = self.reopened.get(&run.id).copied().unwrap_or(0);
        let places = places.skip(open);
        let newest = places.clone().last().map(|at| &self.lines.rows[at]);
        if newest.is_some_and(Row::is_scored) {
            return Standing::Scored;
        }
        let counts =
            |at: &usize| self.lines.rows[*at].uses_an_attempt() && !self.forgiven.contains(at);
        if places.filter(counts).count() >= self.plan.max_attempts as usize {
            return Standing::Spent;
        }
        if self.stopped.contains_key(&run.arm) {
            return Standing::ArmStopped;
        }
        Standing::Due
    }

    /// The number of a run's next attempt: every line has one of its own.
    pub fn next_attempt(&self, run: &Run) -> u32 {
        let newest = self.lines.attempts(&run.id).map(|row| row.attempt).max();
        newest.unwrap_or(0) + 1
    }

    /// What all attempts of a run have cost, as far as it is known; `None` if it is known of none.
    pub fn spent_on(&self, run: &str) -> Option<f64> {
        self.lines.attempts(run).filter_map(Row::own_cost).reduce(|sum, cost| sum + cost)
    }

    /// The hash that an arm's program had when the arm first ran.
    pub fn program_of(&self, arm: usize) -> Option<String> {
        let id = &self.plan.arms[arm].id;
        let mut of_arm = self.lines.rows.iter().filter(|row| *row.arm == **id);
        of_arm.find_map(|row| row.opencode_sha256.as_deref().map(String::from))
    }

    /// Whether a run's own process was killed too often to believe in chance.
    pub fn dies_too_often(&self, run: &str) -> bool {
        let rows: Vec<&Row> = self.lines.attempts(run).collect();
        let last = rows.iter().rev().take_while(|row| row.stop == Stop::Interrupted);
        last.count() >= MOST_INTERRUPTED
    }

    /// Records an attempt; whether its arm is stopped by it.
    pub fn add(&mut self, arm: usize, row: Row) -> bool {
        let reason = row.error.as_ref().filter(|error| STOPS_ARM.contains(&error.name.as_str()));
        let is_stopped = reason.is_some();
        if let Some(error) = reason {
            let why = || format!("{}: {}", error.name, error.message);
            self.stopped.entry(arm).or_insert_with(why);
        }
        let infrastructure = row.is_infrastructure();
        self.lines.add(row);
        if infrastructure {
            self.forgive();
        }
        is_stopped
    }

    /// Opens a settled run for another attempt.
    pub fn reopen(&mut self, run: &str) {
        let attempts = self.lines.places(run).count();
        self.reopened.insert(run.into(), attempts);
    }

    /// The arms that are stopped, with the reasons.
    pub fn stopped_arms(&self) -> impl Iterator<Item = (&str, &str)> {
        self.stopped.iter().map(|(arm, why)| (self.plan.arms[*arm].id.as_str(), why.as_str()))
    }

    /// How many recorded runs the plan no longer has.
    pub fn not_in_plan(&self) -> usize {
        let is_recorded = |run: &&Run| self.lines.places(&run.id).next().is_some();
        self.lines.runs() - self.runs.iter().filter(is_recorded).count()
    }

    /// The newest attempt of a run.
    pub fn newest(&self, run: &str) -> Option<&Row> {
        self.lines.attempts(run).last()
    }

    fn forgive(&mut self) {
        let arms = self.plan.arms.iter().map(|arm| (arm.id.as_str(), provider(arm)));
        let arms = sorting::map(arms);
        let of = |row: &Row| arms.get(&*row.arm).copied().unwrap_or_default();
        self.forgiven = forgiven(&self.lines.rows, &of);
    }
}
