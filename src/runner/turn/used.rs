//! What calls of a model used, and sums of it. A sum of tokens is that of the parts that are known,
//! and a sum in which no part is known is unknown itself. Of money both are told: the sum of what
//! is known, and whether that is all.

use serde::Serialize;

use crate::client::wire::{self, Info};

/// What one or several steps used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// How often a model was called.
    pub steps: u64,
    /// Tokens.
    pub tokens: Tokens,
    /// US dollars that are known to have been spent; `None` if that is known of no step.
    pub cost_known_usd: Option<f64>,
    /// How many of the steps are in that sum.
    priced: u64,
}

impl Used {
    /// What is used by no step at all, which is known to be nothing.
    pub fn nothing() -> Used {
        let tokens = Tokens {
            input: Some(0),
            output: Some(0),
            reasoning: Some(0),
            cache_read: Some(0),
            cache_write: Some(0),
        };
        Used { steps: 0, tokens, cost_known_usd: Some(0.0), priced: 0 }
    }

    /// US dollars that all of it cost; `None` unless that is known of every step.
    pub fn cost_usd(&self) -> Option<f64> {
        self.cost_known_usd.filter(|_| self.priced == self.steps)
    }

    /// Adds what one step used, and what it cost where that is known.
    pub fn add_step(&mut self, info: &Info, cost: Option<f64>) {
        let tokens = info.tokens.map(Tokens::from).unwrap_or_default();
        self.add(&Used { steps: 1, tokens, cost_known_usd: cost, priced: cost.is_some().into() });
    }

    /// The same, where it is known that none of the steps cost anything.
    pub fn for_nothing(self) -> Used {
        Used { cost_known_usd: Some(0.0), priced: self.steps, ..self }
    }

    /// Adds what other steps used.
    pub fn add(&mut self, other: &Used) {
        self.steps += other.steps;
        self.tokens.add(&other.tokens);
        self.priced += other.priced;
        if let Some(cost) = other.cost_known_usd {
            self.cost_known_usd = Some(self.cost_known_usd.unwrap_or(0.0) + cost);
        }
    }
}

/// Tokens. The five numbers do not overlap; one that the server did not say is `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Read, and not from the cache.
    pub input: Option<u64>,
    /// Written.
    pub output: Option<u64>,
    /// Written as reasoning.
    pub reasoning: Option<u64>,
    /// Read from the provider's cache.
    pub cache_read: Option<u64>,
    /// Written to that cache.
    pub cache_write: Option<u64>,
}

impl Tokens {
    /// Adds other tokens, as far as they are known.
    pub fn add(&mut self, other: &Tokens) {
        add_count(&mut self.input, other.input);
        add_count(&mut self.output, other.output);
        add_count(&mut self.reasoning, other.reasoning);
        add_count(&mut self.cache_read, other.cache_read);
        add_count(&mut self.cache_write, other.cache_write);
    }
}

impl From<wire::Tokens> for Tokens {
    fn from(step: wire::Tokens) -> Tokens {
        let count = |value: Option<f64>| value.map(|value| value as u64);
        Tokens {
            input: count(step.input),
            output: count(step.output),
            reasoning: count(step.reasoning),
            cache_read: count(step.cache.read),
            cache_write: count(step.cache.write),
        }
    }
}

/// Adds a count to a sum, where it is known.
pub fn add_count(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(text: &str) -> Info {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_sum_knows_what_any_of_its_steps_knows() {
        let mut used = Used::default();
        used.add_step(&step(r#"{"id":"msg_1"}"#), None);
        assert_eq!(used, Used { steps: 1, ..Used::default() }, "no step has said anything");
        let two = step(r#"{"id":"msg_2","tokens":{"input":2,"cache":{"read":3}}}"#);
        used.add_step(&two, Some(0.5));
        used.add_step(&step(r#"{"id":"msg_3","tokens":{"input":1e300}}"#), Some(0.25));
        assert_eq!((used.steps, used.cost_known_usd), (3, Some(0.75)));
        assert_eq!(used.cost_usd(), None, "the first step may have cost anything");
        assert_eq!((used.tokens.input, used.tokens.output), (Some(u64::MAX), None));
        let mut total = Used::nothing();
        total.add(&used);
        assert_eq!((total.tokens.cache_read, total.tokens.output), (Some(3), Some(0)));
        let mut free = Used::nothing();
        free.add_step(&two, Some(0.0));
        assert_eq!((free.cost_usd(), free.cost_known_usd), (Some(0.0), Some(0.0)));
    }
}
