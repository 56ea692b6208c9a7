//! What a comparison is asked.

use crate::bench::plan::Gate;

/// What is asked of the numbers.
#[derive(Clone, Debug)]
pub struct Question {
    /// When a comparison alarms.
    pub gate: Gate,
    /// The share of an arm's runs that may be without a result.
    pub max_unscored: f64,
    /// Whether tasks that changed are left out, and not refused.
    pub common: bool,
    /// Whether to say what so many runs can show, which takes thousands of random nights.
    pub outlook: bool,
}
