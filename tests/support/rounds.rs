//! Promises about time, on a machine that others use, too.

use std::time::Duration;

use super::command::Outcome;

/// How often a promise about time may be missed before it counts: a busy machine is no part of the promise.
const ROUNDS: usize = 4;

/// Repeats what is promised to take no longer than some time until it does.
#[track_caller]
pub fn in_some_round<T>(mut round: impl FnMut() -> Result<T, String>) -> T {
    let mut late = Vec::new();
    loop {
        match round() {
            Ok(value) => return value,
            Err(why) => late.push(why),
        }
        assert!(late.len() < ROUNDS, "{late:?}");
    }
}

/// Whether none of those who came together took more than three times the median; who did.
pub fn fair(ended: &[Outcome]) -> Result<(), String> {
    let mut took: Vec<Duration> = ended.iter().map(|one| one.elapsed).collect();
    took.sort();
    let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
    match slowest <= 3 * median {
        true => Ok(()),
        false => Err(format!("median {median:?}, slowest {slowest:?}")),
    }
}
