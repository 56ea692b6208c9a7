//! Whether the limit of a turn's cost can work.

use super::Follower;
use crate::client::wire::Info;
use crate::runner::session::timeouts::LOOK_FIRST;

/// The limit that needs prices and usage.
const MAX_COST: &str = "--max-cost";

impl Follower<'_> {
    /// Warns once if the cost of a step cannot be known, because then `--max-cost` limits nothing.
    pub(super) fn check_prices(&mut self) {
        if !self.budget.limits_cost() || self.limits_unenforceable.contains(&MAX_COST) {
            return;
        }
        let Some(why) = self.turn.all_steps().find_map(|step| self.why_unpriced(step)) else {
            return;
        };
        self.limits_unenforceable.push(MAX_COST);
        (self.operation.context.say)(&format!("warning: {MAX_COST} may not end the turn: {why}"));
    }

    /// Why it cannot be known what a step cost; `None` if it can, or if the step still runs.
    fn why_unpriced(&self, step: &Info) -> Option<String> {
        let (provider, model) = step.provider.as_deref().zip(step.model.as_deref())?;
        if step.cost.is_some_and(|cost| cost > 0.0) {
            None
        } else if !self.prices.has_price(step, LOOK_FIRST.into()) {
            Some(format!("model {provider}/{model} has no price"))
        } else if step.time.completed.is_some() && step.error.is_none() && !step.has_usage() {
            Some(format!("{provider} does not report what {model} used"))
        } else {
            None
        }
    }
}
