//! What a comparison can show, before it is made or after.

use serde::Serialize;

use super::gate::GateFacts;
use crate::bench::plan::{Gate, Infer};
use crate::bench::statistics::detectable::{
    self, Detectable, cannot_alarm, detectable_by_tasks, expected_deviation,
};
use crate::bench::statistics::nights::{Design, Rates, Runs};

/// What so many runs can show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// The gate that it is about.
    pub gate: GateFacts,
    /// Whether no result could be a regression.
    pub cannot_alarm: bool,
    /// The smallest effects on these very tasks that are found in 80 of 100 nights; null where the
    /// gate speaks of tasks like these.
    pub these_tasks: Option<Detectable>,
    /// The smallest mean drop over tasks like these that is found in 80 of 100 nights; null where
    /// the gate speaks of these very tasks, and with fewer than two tasks.
    pub tasks_like_these: Option<f64>,
    /// How likely `ok` is if nothing changed.
    pub chance_of_ok: f64,
}

/// Looks ahead for a gate. `deviation` is that of the differences of tasks; `None` for the one to
/// expect. `candidates` is how many are compared.
pub fn outlook(gate: &Gate, design: &Design, deviation: Option<f64>, candidates: usize) -> Outlook {
    let level = 1.0 - 2.0 * gate.alpha;
    // One arm that alone became worse has to pass the first step of Holm.
    let alpha = gate.alpha / candidates.max(1) as f64;
    let tasks = design.runs.len();
    let fewest = design.runs.iter().map(|runs| runs.base.min(runs.candidate)).min().unwrap_or(0);
    let by_tasks = || {
        let deviation = deviation.unwrap_or_else(|| expected_deviation(&design.rates, fewest));
        detectable_by_tasks(tasks, deviation, 1.0 - 2.0 * alpha)
    };
    let is_of_runs = gate.infer == Infer::Runs;
    Outlook {
        gate: GateFacts::of(gate),
        cannot_alarm: can_never_alarm(gate, design, candidates),
        these_tasks: is_of_runs.then(|| detectable::detectable(design, alpha)),
        tasks_like_these: if is_of_runs { None } else { by_tasks() },
        chance_of_ok: detectable::chance_of_no_worse(design, gate.margin, level),
    }
}

/// Whether no result of so many runs could be a regression.
pub fn can_never_alarm(gate: &Gate, design: &Design, candidates: usize) -> bool {
    match gate.infer {
        Infer::Runs => cannot_alarm(&design.runs, gate.alpha / candidates.max(1) as f64),
        Infer::Tasks => design.runs.len() < 2,
    }
}

/// A comparison of tasks with so many repeats, of which nothing is known yet.
pub fn unknown_design(tasks: usize, repeats: u32) -> Design {
    let runs = Runs { base: repeats, candidate: repeats };
    Design { runs: vec![runs; tasks], rates: Rates::Unknown }
}
