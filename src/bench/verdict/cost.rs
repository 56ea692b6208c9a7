//! What the arms used: cost and tokens, which alarm only where the plan asks for it.

use super::pairs::Matched;
use super::side::TaskRuns;
use crate::bench::night::Counted;
use crate::bench::statistics::bootstrap::{Parts, Ratio, ratios_of_sums};

/// A limit on what a candidate may use more than the base.
pub struct CostGate {
    /// `cost` or `tokens`.
    pub what: &'static str,
    /// 0.2 allows a fifth more.
    pub limit: f64,
    /// The lower end of the interval of the ratio; `None` if it is not known.
    pub low: Option<f64>,
}

impl CostGate {
    /// A sentence if the candidate surely used too much.
    pub fn excess(&self, name: &str) -> Option<String> {
        let low = self.low.filter(|low| *low > 1.0 + self.limit)?;
        let (grown, allowed) = (100.0 * (low - 1.0), 100.0 * self.limit);
        let what = self.what;
        Some(format!(
            "the {what} of {name} grew by at least {grown:.0} %, {allowed:.0} % is allowed"
        ))
    }
}

/// What a run cost, in US dollars.
pub fn cost(line: &Counted) -> Option<f64> {
    line.cost_usd.filter(|cost| cost.is_finite() && *cost >= 0.0)
}

/// How many tokens a run used.
pub fn tokens(line: &Counted) -> Option<f64> {
    line.tokens.map(|tokens| tokens as f64)
}

/// What a candidate uses by what the base uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Use {
    /// What runs cost.
    pub cost: Option<Ratio>,
    /// The tokens of runs.
    pub tokens: Option<Ratio>,
}

/// What each candidate uses by what the base uses, with intervals at `level`; of each the tasks are
/// given. Of each task the mean of its runs is taken, so that an arm with more runs does not cost
/// more. `None` unless it is known of each task that has results in both arms.
pub fn uses<'a>(candidates: impl Iterator<Item = &'a [Matched<'a>]>, level: f64) -> Vec<Use> {
    let lists = candidates.flat_map(|pairs| [parts(pairs, &cost), parts(pairs, &tokens)]);
    let lists: Vec<Option<Vec<Parts>>> = lists.collect();
    let known: Vec<Vec<Parts>> = lists.iter().flatten().cloned().collect();
    let mut ratios = ratios_of_sums(&known, level).into_iter();
    let mut next = |list: &Option<Vec<Parts>>| list.as_ref().and_then(|_| ratios.next().flatten());
    let of = |lists: &[Option<Vec<Parts>>]| Use { cost: next(&lists[0]), tokens: next(&lists[1]) };
    lists.chunks(2).map(of).collect()
}

fn parts(pairs: &[Matched], of: &dyn Fn(&Counted) -> Option<f64>) -> Option<Vec<Parts>> {
    let has_results = |runs: &TaskRuns| runs.scored().next().is_some();
    let complete =
        pairs.iter().filter(|pair| has_results(&pair.base) && has_results(&pair.candidate));
    let parts = complete
        .map(|pair| Some(Parts { above: pair.candidate.mean(of)?, below: pair.base.mean(of)? }));
    parts.collect()
}
