//! How far a batch is.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::ledger::{Ledger, Standing};
use crate::bench::results::line::RunResult;
use crate::bench::results::row::Row;
use crate::bench::schedule::Run;

/// Counts of runs, as a progress line and `bench status` show them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// The runs that are asked for.
    pub runs: usize,
    /// Those of them that are settled.
    pub done: usize,
    /// Those that go on now.
    pub running: usize,
    /// Settled ones whose check passed.
    pub pass: usize,
    /// Settled ones whose check failed.
    pub fail: usize,
    /// Settled ones of which nothing can be said.
    pub unscored: usize,
    /// Settled ones of tasks without a check.
    pub ungraded: usize,
    /// What all attempts cost, in US dollars; null if that is known of none.
    pub cost_usd: Option<f64>,
    /// Whether that is the cost of everything.
    pub cost_complete: bool,
    /// How long the rest will take, as far as the runs so far tell; null before the first has
    /// ended.
    pub left_ms: Option<u64>,
}

impl Progress {
    /// Counts those of the ledger's runs that are asked for.
    pub fn of<'a>(ledger: &Ledger, wanted: impl Iterator<Item = &'a Run>) -> Progress {
        let mut progress = Progress::none();
        for run in wanted {
            let (standing, newest) = ledger.standing_and_newest(run);
            progress.count(standing, newest, ledger.lines.attempts(&run.id));
        }
        progress
    }

    /// Of no run.
    pub fn none() -> Progress {
        Progress { cost_complete: true, ..Progress::default() }
    }

    /// Counts a run with its attempts, of which one is the newest.
    pub fn count<'a>(
        &mut self,
        standing: Standing,
        newest: Option<&Row>,
        attempts: impl Iterator<Item = &'a Row>,
    ) {
        self.runs += 1;
        attempts.for_each(|row| self.add_cost(row));
        if standing != Standing::Due {
            self.settle(newest);
        }
    }

    /// Counts what an attempt has cost.
    pub fn add_cost(&mut self, row: &Row) {
        if row.recheck_of.is_some() {
            return;
        }
        self.cost_complete &= row.cost_usd.is_some() && row.usage_complete;
        if let Some(cost) = row.cost_usd {
            *self.cost_usd.get_or_insert(0.0) += cost;
        }
    }

    /// Counts a run that is settled, with its newest attempt.
    pub fn settle(&mut self, newest: Option<&Row>) {
        self.done += 1;
        match newest.map_or(RunResult::Unscored, |row| row.result) {
            RunResult::Pass => self.pass += 1,
            RunResult::Fail => self.fail += 1,
            RunResult::Ungraded => self.ungraded += 1,
            RunResult::Unscored => self.unscored += 1,
        }
    }
}

/// Reckons how long the rest takes from what has ended since this process began.
pub struct Pace {
    began: Instant,
    ended: usize,
}

impl Pace {
    /// Begins now.
    pub fn new() -> Pace {
        Pace { began: Instant::now(), ended: 0 }
    }

    /// A run has been settled.
    pub fn count(&mut self) {
        self.ended += 1;
    }

    /// The time that `left` more runs take at this pace.
    pub fn left(&self, left: usize) -> Option<Duration> {
        let each = self.began.elapsed().checked_div(u32::try_from(self.ended).ok()?)?;
        Some(each * u32::try_from(left).unwrap_or(u32::MAX))
    }
}
