//! The word of one candidate, and what it was decided by.

use super::Word;

/// One-sided p values, adjusted for the number of candidates.
#[derive(Clone, Copy)]
pub struct Probabilities {
    /// Of a drop.
    pub worse: f64,
    /// Of a gain.
    pub better: f64,
    /// Of a drop, if the candidate's runs without a result had passed and the base's had failed.
    pub worse_at_best: f64,
}

/// The word of one candidate.
pub struct Decision {
    /// The word.
    pub word: Word,
    /// Whether the candidate passes more than the base.
    pub improved: bool,
    /// Why, in sentences; the most important one first.
    pub reasons: Vec<String>,
    /// What it was decided by.
    pub p: Probabilities,
}
