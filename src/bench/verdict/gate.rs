//! The gate of a comparison, as a verdict says it.

use serde::Serialize;

use crate::bench::plan::{Gate, Infer};

/// The gate as it was applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateFacts {
    /// `runs`: these very tasks; `tasks`: tasks like these.
    pub infer: &'static str,
    /// The share of false alarms of one comparison.
    pub alpha: f64,
    /// The drop that is small enough to be fine; 0.1 is ten points of the pass rate.
    pub margin: f64,
    /// The share by which cost may grow; null if it is no reason for an alarm.
    pub max_cost_increase: Option<f64>,
    /// The same for tokens.
    pub max_tokens_increase: Option<f64>,
}

impl GateFacts {
    /// Those of a plan's gate.
    pub fn of(gate: &Gate) -> GateFacts {
        GateFacts {
            infer: if gate.infer == Infer::Runs { "runs" } else { "tasks" },
            alpha: gate.alpha,
            margin: gate.margin,
            max_cost_increase: gate.max_cost_increase,
            max_tokens_increase: gate.max_tokens_increase,
        }
    }
}
