//! Ids of jobs and trials.

use crate::bench::hash;

/// A UUID that stands for a text: the same one in each export.
pub fn uuid(text: &str) -> String {
    let hash = hash::bytes(text.as_bytes());
    let part = |from: usize, to: usize| &hash[from..to];
    // Version 8 is for UUIDs that are made in a way of one's own.
    format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
