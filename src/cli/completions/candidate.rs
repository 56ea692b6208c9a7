//! A word that completions offer.

/// A word that can come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The whole word.
    pub word: String,
    /// What it is, in a few words; may be empty.
    pub what: String,
}

impl Candidate {
    /// A word, and what it is.
    pub fn new(word: impl Into<String>, what: impl Into<String>) -> Candidate {
        Candidate { word: word.into(), what: what.into() }
    }
}
