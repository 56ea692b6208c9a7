//! Promises about time, on a machine that runs other programs as well.

use std::time::{Duration, Instant};

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

/// How much longer each limit of [`with_longer_limits`] is than the one before.
const LONGER: f64 = 3.0;

/// The longest of them, in seconds. What has not happened then does not happen.
const LONGEST: f64 = 80.0;

/// Repeats a round whose limit, in seconds, is to come after something else has happened, with a
/// longer limit each time that it came first: no limit is long enough for every machine, and a long
/// one would hold up a quick machine. `Err` says what had not happened yet.
#[track_caller]
pub fn with_longer_limits<T>(first: f64, mut round: impl FnMut(f64) -> Result<T, String>) -> T {
    let mut early = Vec::new();
    let mut limit = first;
    while limit <= LONGEST {
        match round(limit) {
            Ok(value) => return value,
            Err(why) => early.push(format!("{limit} s: {why}")),
        }
        limit *= LONGER;
    }
    panic!("each limit came first: {early:#?}");
}

/// How long [`slowness`] works on a machine of its own, generously.
const UNHURRIED: Duration = Duration::from_millis(150);

/// The most that a slow or busy machine may stretch a promise about time.
const MOST_SLOW: u32 = 10;

/// How many times slower than usual this machine works now: 1 where nothing else runs. Without it a
/// promise could never be kept at a quarter of the speed, in whichever round.
pub fn slowness() -> u32 {
    let began = Instant::now();
    let sum = (0..4_000_000u64).fold(0, |sum: u64, one| std::hint::black_box(sum ^ one));
    std::hint::black_box(sum);
    let times = began.elapsed().as_millis() / UNHURRIED.as_millis();
    u32::try_from(times).unwrap_or(MOST_SLOW).clamp(1, MOST_SLOW)
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
