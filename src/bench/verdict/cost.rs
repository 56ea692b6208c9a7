//! What the arms used: cost and tokens, which alarm only where the plan asks for it.

use super::pairs::Matched;
use super::side::TaskRuns;
use crate::bench::night::Counted;
use crate::bench::statistics::bootstrap::{Parts, Ratio, ratio_of_sums};

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

/// What the candidate uses by what the base uses, with the interval at `level`. Of each task the
/// mean of its runs is taken, so that an arm with more runs does not cost more. `None` unless it is
/// known of each task that has results in both arms.
pub fn ratio(pairs: &[Matched], of: &dyn Fn(&Counted) -> Option<f64>, level: f64) -> Option<Ratio> {
    let has_results = |runs: &TaskRuns| runs.scored().next().is_some();
    let complete =
        pairs.iter().filter(|pair| has_results(&pair.base) && has_results(&pair.candidate));
    let parts = complete
        .map(|pair| Some(Parts { above: pair.candidate.mean(of)?, below: pair.base.mean(of)? }));
    let parts: Vec<Parts> = parts.collect::<Option<_>>()?;
    ratio_of_sums(&parts, level)
}
