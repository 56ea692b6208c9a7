//! What a turn may take: time, silence, retries, steps and money.

use std::time::{Duration, Instant};

use crate::runner::turn::record::Failed;
use crate::runner::turn::{Spent, Turn};
use crate::units::{Deadline, seconds};

/// The limits of one turn. What is `None` is not limited.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// From the prompt to the end.
    pub timeout: Duration,
    /// Of what limit that is the rest; `None` if it is all of it.
    pub rest_of: Option<Duration>,
    /// Without any progress: no event of the turn and no change in REST.
    pub stall: Option<Duration>,
    /// How often the provider may be tried again.
    pub retries: Option<u64>,
    /// Calls of the model, sub-agents included.
    pub steps: Option<u64>,
    /// US dollars, sub-agents included.
    pub cost: Option<f64>,
    /// Leave the turn running when a limit is reached.
    pub no_abort: bool,
}

/// The limits of a turn that is going on.
pub struct Watch {
    limits: Limits,
    /// When the time is up.
    pub deadline: Deadline,
    progress: (u64, u64),
    moved: Instant,
}

impl Watch {
    /// Starts now; the deadline may have begun before.
    pub fn new(limits: Limits, deadline: Deadline) -> Watch {
        Watch { limits, deadline, progress: (0, 0), moved: Instant::now() }
    }

    /// Whether the sub-agents' steps must be known, too.
    pub fn counts_the_tree(&self) -> bool {
        self.limits.steps.is_some() || self.limits.cost.is_some()
    }

    /// Whether the turn is aborted when a limit is reached.
    pub fn aborts(&self) -> bool {
        !self.limits.no_abort
    }

    /// The limit that is reached; `rest` changes whenever REST shows something new.
    pub fn reached(&mut self, turn: &Turn, rest: u64) -> Option<Failed> {
        let progress = (turn.progress(), rest);
        if progress != self.progress {
            self.progress = progress;
            self.moved = Instant::now();
        }
        let limits = &self.limits;
        let retries = turn.retries.count();
        let Spent { steps, cost } = turn.spent();
        if self.deadline.expired() {
            let limit = seconds(limits.rest_of.unwrap_or(limits.timeout));
            return Some(reached("Timeout", format!("the turn was not over after {limit}"), turn));
        }
        if let Some(limit) = limits.stall.filter(|limit| self.moved.elapsed() >= *limit) {
            let limit = seconds(limit);
            return Some(reached("StallTimeout", format!("nothing happened for {limit}"), turn));
        }
        if limits.retries.is_some_and(|limit| retries > limit) {
            let said = format!("the provider had to be tried again {retries} times");
            return Some(reached("MaxRetries", said, turn));
        }
        if limits.steps.is_some_and(|limit| steps > limit) {
            return Some(reached("MaxSteps", format!("this is step {steps}"), turn));
        }
        if limits.cost.is_some_and(|limit| cost > limit) {
            return Some(reached("MaxCost", format!("it has cost {cost} US dollars"), turn));
        }
        None
    }
}

fn reached(name: &str, what: String, turn: &Turn) -> Failed {
    let flag = match name {
        "Timeout" => "--timeout",
        "StallTimeout" => "--stall-timeout",
        "MaxRetries" => "--max-retries",
        "MaxSteps" => "--max-steps",
        _ => "--max-cost",
    };
    let mut message = format!("{what} ({flag})");
    if let Some(why) = turn.retries.reason() {
        message = format!("{message} while the provider was being tried again: {why}");
    }
    Failed { name: name.into(), message }
}
