//! Promises about time, on a machine that runs other programs as well.

use std::time::Duration;

use super::command::Outcome;

/// How often a promise about time may be missed before that counts as a failure: the promise is not
/// made for a busy machine.
const ROUNDS: usize = 8;

/// Repeats what is promised to happen within some time, until it does. `Err` says what was late.
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

/// Whether none of the commands that began together took more than three times the median.
pub fn fair(ended: &[Outcome]) -> Result<(), String> {
    let mut took: Vec<Duration> = ended.iter().map(|one| one.elapsed).collect();
    took.sort();
    let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
    if slowest <= 3 * median {
        Ok(())
    } else {
        Err(format!("median {median:?}, slowest {slowest:?}"))
    }
}
