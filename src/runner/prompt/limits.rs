//! What a turn may use: time, silence, retries, steps and money.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::operation::Operation;
use crate::runner::turn::record::Failed;
use crate::runner::turn::{Spent, Turn};
use crate::units::{Deadline, seconds};

/// The limits of one turn. What is `None` is not limited.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// From the prompt to the end.
    pub timeout: Duration,
    /// The limit that the user gave, if `timeout` is only what is left of it. For messages.
    pub rest_of: Option<Duration>,
    /// Without any progress: no event of the turn and no change in REST.
    pub stall: Option<Duration>,
    /// From the prompt to the end, without the waits for the provider to be tried again.
    pub working: Option<Duration>,
    /// How often the provider may be tried again.
    pub retries: Option<u64>,
    /// Calls of the model, sub-agents included.
    pub steps: Option<u64>,
    /// US dollars, sub-agents included.
    pub cost: Option<f64>,
    /// Leave the turn running when a limit is reached.
    pub no_abort: bool,
}

impl Limits {
    /// The time that the user gave: what messages name, although a part of it may be used up.
    pub fn given(&self) -> Duration {
        self.rest_of.unwrap_or(self.timeout)
    }

    /// Opens the session that `word` means, for as long as a turn on it may take. A dead server is
    /// an error (exit 4).
    pub fn begin<'a>(&self, context: &'a Context, word: &str) -> Result<Operation<'a>> {
        let operation = Operation::begin(context, word, self.timeout)?;
        Ok(Operation { limit: self.given(), ..operation })
    }
}

/// How many steps in a row may be cut. The server itself would ask again for ever.
const CUTS_IN_A_ROW: u64 = 5;

/// One of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LimitKind {
    Timeout,
    Stall,
    Working,
    Retries,
    Steps,
    Cost,
}

impl LimitKind {
    /// The name of the error in the turn's record.
    fn error_name(self) -> &'static str {
        match self {
            LimitKind::Timeout => "Timeout",
            LimitKind::Stall => "StallTimeout",
            LimitKind::Working => "WorkingTimeout",
            LimitKind::Retries => "MaxRetries",
            LimitKind::Steps => "MaxSteps",
            LimitKind::Cost => "MaxCost",
        }
    }

    /// The flag that sets it.
    fn flag(self) -> &'static str {
        match self {
            LimitKind::Timeout => "--timeout",
            LimitKind::Stall => "--stall-timeout",
            // No flag sets it; this is its name in a task.
            LimitKind::Working => "working_s",
            LimitKind::Retries => "--max-retries",
            LimitKind::Steps => "--max-steps",
            LimitKind::Cost => "--max-cost",
        }
    }
}

/// The limits of a turn that is going on, and how long it has stood still.
pub struct Budget {
    limits: Limits,
    deadline: Deadline,
    progress: Progress,
    moved: Instant,
    began: Instant,
}

/// Changes whenever the turn goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    events: u64,
    snapshots: u64,
}

impl Budget {
    /// Starts now; the time of the deadline may have begun before.
    pub fn new(limits: Limits, deadline: Deadline) -> Budget {
        let now = Instant::now();
        Budget { limits, deadline, progress: Progress::default(), moved: now, began: now }
    }

    /// The moment at which the turn's time is up.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Whether a limit counts what sub-agents use, so that their steps must be known.
    pub fn counts_sub_agents(&self) -> bool {
        self.limits.steps.is_some() || self.limits.cost.is_some()
    }

    /// Why the turn ends where no `--max-retries` limits how often a cut stream is asked for again.
    pub fn too_many_cuts(&self, turn: &Turn) -> Option<Failed> {
        let cuts = turn.cuts().in_a_row;
        (self.limits.retries.is_none() && cuts >= CUTS_IN_A_ROW).then(|| {
            let provider = turn.provider();
            let message = format!(
                "the stream of {provider} ended early in {cuts} steps in a row, and the server \
                 asks again each time"
            );
            Failed::new("StreamCut", message)
        })
    }

    /// Whether the turn's cost is limited.
    pub fn limits_cost(&self) -> bool {
        self.limits.cost.is_some()
    }

    /// Whether the turn is aborted when a limit is reached.
    pub fn aborts(&self) -> bool {
        !self.limits.no_abort
    }

    /// Takes note of the turn's progress; an error if it has reached a limit. `snapshots` is a
    /// number that grows whenever REST shows something new.
    pub fn check(&mut self, turn: &Turn, snapshots: u64) -> Option<Failed> {
        let progress = Progress { events: turn.progress(), snapshots };
        if progress != self.progress {
            self.progress = progress;
            self.moved = Instant::now();
        }
        let (limit, mut message) = self.reached(turn)?;
        if let Some(why) = turn.retries.reason() {
            if limit != LimitKind::Retries {
                let provider = turn.provider();
                message = format!("{message} while {provider} was being tried again");
            }
            message = format!("{message}: {why}");
        }
        Some(Failed::new(limit.error_name(), message))
    }

    /// The limit that the turn has reached, and what it did to reach it.
    fn reached(&self, turn: &Turn) -> Option<(LimitKind, String)> {
        let limits = &self.limits;
        let says =
            |limit: LimitKind, what: String| Some((limit, format!("{what} ({})", limit.flag())));
        let exceeds = |limit: LimitKind, what: String, allowed: String| {
            Some((limit, format!("{what}, {} allows {allowed}", limit.flag())))
        };
        if self.deadline.expired() {
            let limit = seconds(limits.given());
            return says(LimitKind::Timeout, format!("the turn was not over after {limit}"));
        }
        if let Some(limit) = limits.stall.filter(|limit| self.moved.elapsed() >= *limit) {
            let limit = seconds(limit);
            return says(LimitKind::Stall, format!("nothing happened in the turn for {limit}"));
        }
        let working = self.began.elapsed().saturating_sub(turn.retries.wait_until(Instant::now()));
        if let Some(limit) = limits.working.filter(|limit| working >= *limit) {
            let what = format!("the turn worked for {}", seconds(limit));
            return says(LimitKind::Working, what);
        }
        let retries = turn.provider_retries();
        if let Some(limit) = limits.retries.filter(|limit| retries > *limit) {
            let times = if retries == 1 { "once".into() } else { format!("{retries} times") };
            let what = format!("{} failed {times}", turn.provider());
            return exceeds(LimitKind::Retries, what, limit.to_string());
        }
        let Spent { steps, cost } = turn.spent();
        if let Some(limit) = limits.steps.filter(|limit| steps > *limit) {
            let what = format!("the turn reached step {steps}");
            return exceeds(LimitKind::Steps, what, limit.to_string());
        }
        if let Some(limit) = limits.cost.filter(|limit| cost > *limit) {
            let what = format!("the turn has cost {cost} US dollars");
            return exceeds(LimitKind::Cost, what, limit.to_string());
        }
        None
    }
}
