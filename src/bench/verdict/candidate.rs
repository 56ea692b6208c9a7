//! One candidate in numbers.

use std::collections::BTreeMap;

use super::cost::{self, CostGate, Use};
use super::decision::Decision;
use super::outlook::{can_never_alarm, outlook};
use super::pairs::{self, Matched};
use super::question::Question;
use super::side::{Side, TaskRuns};
use super::{ArmNumbers, Candidate, LeftOut, OtherTests, drift, rows, warnings};
use crate::bench::night::NightRun;
use crate::bench::plan::{Gate, Infer};
use crate::bench::results::line::RunResult;
use crate::bench::statistics::bootstrap::Ratio;
use crate::bench::statistics::bounds::{self, Planned, PlannedPair};
use crate::bench::statistics::distributions::{t_quantile, t_upper};
use crate::bench::statistics::exact::{Stratified, stratified};
use crate::bench::statistics::latency::{self, Medians};
use crate::bench::statistics::nights::{Design, Rates, Runs};
use crate::bench::statistics::{Cell, LEVEL, Pair, bootstrap, intervals, sign_flip, tables, tasks};
use crate::error::Result;
use crate::sorting;

/// What decides about a candidate.
pub struct Measured<'a> {
    /// What it is compared with.
    pub base: Side<'a>,
    /// The candidate.
    pub side: Side<'a>,
    /// The tasks that both have.
    pub pairs: Vec<Matched<'a>>,
    /// Their counts, with the runs that have no result.
    pub planned: Vec<PlannedPair>,
    /// The counts of the tasks that have results in both arms.
    pub scored: Vec<Pair>,
    /// How surprising the drop is, one-sided and for this candidate alone.
    pub p_worse: f64,
    /// The same for a gain.
    pub p_better: f64,
    /// Whether there is evidence that it lost no more than the margin.
    pub is_no_worse: bool,
    /// What it uses by what the base uses.
    pub used: Use,
    left_out: Vec<LeftOut>,
    runs_test: Stratified,
    infer: Infer,
    level: f64,
}

impl<'a> Measured<'a> {
    /// Counts and tests of all candidates.
    pub fn all(
        question: &Question,
        base: Side<'a>,
        candidates: &[Side<'a>],
    ) -> Result<Vec<Measured<'a>>> {
        let measured = candidates.iter().map(|side| Measured::new(question, base, *side));
        let mut measured = measured.collect::<Result<Vec<_>>>()?;
        let tasks = measured.iter().map(|one| one.pairs.as_slice());
        let uses = cost::uses(tasks, one_sided_level(&question.gate));
        measured.iter_mut().zip(uses).for_each(|(one, used)| one.used = used);
        Ok(measured)
    }

    fn new(question: &Question, base: Side<'a>, side: Side<'a>) -> Result<Measured<'a>> {
        let (pairs, left_out) = pairs::matched(base, side, question)?;
        let planned: Vec<PlannedPair> = pairs.iter().map(Matched::planned).collect();
        let mut scored = bounds::scored(&planned);
        scored.retain(|pair| pair.is_complete());
        let (gate, runs_test) = (&question.gate, stratified(&scored));
        let level = one_sided_level(gate);
        let (p_worse, p_better) = match gate.infer {
            Infer::Runs => (runs_test.worse.mid_p, runs_test.better.mid_p),
            Infer::Tasks => by_tasks(&scored),
        };
        Ok(Measured {
            is_no_worse: tasks::is_no_worse(&scored, gate.margin, level),
            infer: gate.infer,
            used: Use::default(),
            base,
            side,
            pairs,
            planned,
            scored,
            p_worse,
            p_better,
            left_out,
            runs_test,
            level,
        })
    }

    /// How surprising the drop in other counts of the same tasks is.
    pub fn p_worse_of(&self, pairs: &[Pair]) -> f64 {
        match self.infer {
            Infer::Runs => stratified(pairs).worse.mid_p,
            Infer::Tasks => by_tasks(pairs).0,
        }
    }

    /// Of each arm, how many of its runs have no result, as if those were passes: base, candidate.
    pub fn missing(&self) -> [Cell; 2] {
        let count = |of: fn(&PlannedPair) -> Planned| {
            let cells = self.planned.iter().map(of);
            cells.fold(Cell::default(), |sum, cell| Cell {
                passes: sum.passes + cell.unscored,
                runs: sum.runs + cell.unscored + cell.scored.runs,
            })
        };
        [count(|pair| pair.base), count(|pair| pair.candidate)]
    }

    /// The limits on cost and tokens that the plan asks for.
    pub fn cost_gates(&self, gate: &Gate) -> Vec<CostGate> {
        let low = |ratio: Option<Ratio>| ratio.and_then(|ratio| ratio.low);
        let cost = gate.max_cost_increase;
        let cost = cost.map(|limit| CostGate { what: "cost", limit, low: low(self.used.cost) });
        let tokens = gate.max_tokens_increase;
        let tokens = tokens.map(|limit| CostGate {
            what: "use of tokens",
            limit,
            low: low(self.used.tokens),
        });
        cost.into_iter().chain(tokens).collect()
    }

    /// All numbers, with what was decided. `candidates` is how many are compared.
    pub fn into_candidate(
        self,
        question: &Question,
        decision: Decision,
        candidates: usize,
    ) -> Candidate {
        let (gate, level) = (&question.gate, self.level);
        let design = self.design();
        let (_, deviation) =
            intervals::mean_and_deviation(&tasks::differences(&self.scored)).unwrap_or_default();
        let drift = drift::of(&self.pairs);
        let rows = rows::of_tasks(&self.pairs);
        let warnings = warnings::of_candidate(self.base, self.side, &drift);
        Candidate {
            verdict: decision.word,
            improved: decision.improved,
            reasons: decision.reasons,
            tasks: self.scored.len(),
            base: arm_numbers(self.pairs.iter().map(|pair| &pair.base)),
            candidate: arm_numbers(self.pairs.iter().map(|pair| &pair.candidate)),
            difference: tasks::difference(&self.scored, LEVEL),
            guarded: tasks::guarded_difference(&self.scored, level),
            bounds: bounds::difference(&self.planned),
            runs_test: self.runs_test,
            p_worse: self.p_worse,
            p_better: self.p_better,
            p_worse_adjusted: decision.p.worse,
            p_better_adjusted: decision.p.better,
            cannot_alarm: can_never_alarm(gate, &design, candidates),
            outlook: question.outlook.then(|| outlook(gate, &design, deviation, candidates)),
            drift,
            other_tests: self.other_tests(),
            latency: self.latency(),
            cost: self.used.cost,
            tokens: self.used.tokens,
            row_can_fire: rows::can_fire(&rows, gate.alpha),
            tags: rows::of_tags(&self.pairs),
            rows,
            side: self.side.facts(),
            left_out: self.left_out,
            warnings,
        }
    }

    /// The same comparison, to be made again.
    fn design(&self) -> Design {
        let runs = |pair: &Pair| Runs { base: pair.base.runs, candidate: pair.candidate.runs };
        Design {
            runs: self.scored.iter().map(runs).collect(),
            rates: Rates::Known(self.scored.iter().filter_map(|pair| pair.base.rate()).collect()),
        }
    }

    fn other_tests(&self) -> OtherTests {
        let (mut lost, mut won) = (0, 0);
        for pair in &self.pairs {
            let candidate = by_repeat(&pair.candidate);
            for run in &pair.base.runs {
                match (run.result(), candidate.get(&run.repeat)) {
                    (RunResult::Pass, Some(RunResult::Fail)) => lost += 1,
                    (RunResult::Fail, Some(RunResult::Pass)) => won += 1,
                    _ => {}
                }
            }
        }
        OtherTests {
            sign_flip: sign_flip::sign_flip(&self.scored),
            mcnemar_p: tables::mcnemar(lost, won),
            cochran_mantel_haenszel: tables::cochran_mantel_haenszel(&self.scored),
        }
    }

    /// By the tasks whose times are known in both arms.
    fn latency(&self) -> Option<latency::Comparison> {
        let median = |runs: &TaskRuns| Some(latency::median(&runs.times(), LEVEL)?.estimate);
        let both = |pair: &Matched| {
            Some(Medians { base: median(&pair.base)?, candidate: median(&pair.candidate)? })
        };
        let medians: Vec<Medians> = self.pairs.iter().filter_map(both).collect();
        (!medians.is_empty()).then(|| latency::compare(&medians, LEVEL))
    }
}

/// Of an interval that is used in one direction only.
fn one_sided_level(gate: &Gate) -> f64 {
    1.0 - 2.0 * gate.alpha
}

fn by_repeat(runs: &TaskRuns) -> BTreeMap<u32, RunResult> {
    sorting::map(runs.runs.iter().map(|run: &&NightRun| (run.repeat, run.result())))
}

/// How an arm did on tasks.
pub fn arm_numbers<'a>(tasks: impl Iterator<Item = &'a TaskRuns<'a>>) -> ArmNumbers {
    let tasks: Vec<&TaskRuns> = tasks.collect();
    let planned: Vec<Planned> = tasks.iter().map(|task| task.planned()).collect();
    let cells: Vec<Cell> = planned.iter().map(|cell| cell.scored).collect();
    let scores: Vec<f64> = tasks.iter().filter_map(|task| task.mean(&|line| line.score)).collect();
    let is_graded = |task: &&TaskRuns| {
        task.scored().filter_map(|line| line.score).any(|score| score > 0.0 && score < 1.0)
    };
    let costs: Vec<f64> =
        tasks.iter().flat_map(|task| task.scored().filter_map(cost::cost)).collect();
    let is_scored = tasks.iter().any(is_graded);
    ArmNumbers {
        passes: cells.iter().map(|cell| cell.passes).sum(),
        scored: cells.iter().map(|cell| cell.runs).sum(),
        unscored: planned.iter().map(|cell| cell.unscored).sum(),
        rate: intervals::pass_rate(&cells, LEVEL),
        bounds: bounds::share_of_passes(&planned),
        score: is_scored.then(|| intervals::mean(&scores, LEVEL)).flatten(),
        score_bootstrap: is_scored.then(|| bootstrap::mean(&scores, LEVEL)).flatten(),
        cost_usd: (!costs.is_empty()).then(|| costs.iter().sum::<f64>() / costs.len() as f64),
    }
}

/// How surprising a drop and a gain of the mean difference are, by Student's t over tasks;
/// one-sided both. Where no task differs from another, the standard error is that of the guarded
/// interval: equal differences do not make a night sure of itself. ½ both with fewer than two
/// tasks.
fn by_tasks(pairs: &[Pair]) -> (f64, f64) {
    let found = tasks::difference(pairs, LEVEL);
    let Some((mean, error)) = found.and_then(|mean| Some((mean, mean.standard_error?))) else {
        return (0.5, 0.5);
    };
    let degrees = (mean.tasks - 1) as f64;
    let guarded = || {
        let interval = tasks::guarded_difference(pairs, LEVEL)?;
        Some(0.5 * (interval.high - interval.low) / t_quantile(0.5 + 0.5 * LEVEL, degrees))
    };
    let error = if error > 0.0 { error } else { guarded().unwrap_or(f64::INFINITY) };
    let t = mean.estimate / error;
    (t_upper(-t, degrees), t_upper(t, degrees))
}
