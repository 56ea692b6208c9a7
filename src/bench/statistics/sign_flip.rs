//! The sign-flip test of the differences of tasks, printed beside the interval of Student.

use serde::Serialize;

use super::Pair;

/// What the sign-flip test says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SignFlip {
    /// The two-sided p value.
    pub p: f64,
    /// Tasks whose rates differ. The others do not change the sum, whatever their sign.
    pub telling: usize,
    /// The smallest p that so many tasks can give: with fewer than six, 5 % is out of reach.
    pub smallest_p: f64,
}

/// The sign-flip test (Fisher 1935; Pitman 1937), two-sided and exact: if the arms do not differ,
/// each task's difference is as likely with the other sign; p is the share of all choices of signs
/// whose sum is at least as far from zero as the one seen. The differences are scaled to whole
/// numbers, because rounded ones lose ties.
///
/// None where the tasks have so many different numbers of runs that the whole numbers, and with
/// them memory and time, become too large.
pub fn sign_flip(pairs: &[Pair]) -> Option<SignFlip> {
    /// The most additions: a second or less, and 100 MB or less where they are of few tasks.
    const MOST_ADDITIONS: u64 = 1 << 28;
    const MOST_SUMS: u64 = 1 << 23;
    let differences = whole_differences(pairs)?;
    let telling = differences.iter().filter(|difference| **difference != 0).count();
    let mut total: u64 = 0;
    for difference in &differences {
        total = total.checked_add(difference.unsigned_abs())?;
    }
    if total > MOST_SUMS || total.saturating_mul(telling as u64) > MOST_ADDITIONS {
        return None;
    }
    let seen = differences.iter().sum::<i64>().unsigned_abs();
    let extreme = |(positive, _): &(usize, &f64)| (2 * *positive as u64).abs_diff(total) >= seen;
    let weights = positive_sums(&differences, total as usize);
    let p: f64 = weights.iter().enumerate().filter(extreme).map(|(_, weight)| weight).sum();
    let smallest_p = if telling == 0 { 1.0 } else { 0.5f64.powi(telling as i32 - 1) };
    Some(SignFlip { p: p.min(1.0), telling, smallest_p })
}

/// The distribution of the sum of those differences that get a positive sign, from 0 to `total`: a
/// coin for each.
fn positive_sums(differences: &[i64], total: usize) -> Vec<f64> {
    let mut weights = vec![0.0; total + 1];
    weights[0] = 1.0;
    let mut largest = 0;
    for difference in differences.iter().filter(|difference| **difference != 0) {
        let step = difference.unsigned_abs() as usize;
        largest += step;
        for sum in (0..=largest).rev() {
            let with = if sum >= step { weights[sum - step] } else { 0.0 };
            weights[sum] = 0.5 * (weights[sum] + with);
        }
    }
    weights
}

/// The differences of the complete pairs as multiples of one number that divides them all. None
/// where they do not fit into 64 bits.
fn whole_differences(pairs: &[Pair]) -> Option<Vec<i64>> {
    let complete = || pairs.iter().filter(|pair| pair.is_complete());
    let mut common: i64 = 1;
    for runs in complete().flat_map(|pair| [pair.base.runs, pair.candidate.runs]) {
        let runs = i64::from(runs);
        common = common.checked_mul(runs / greatest_divisor(common, runs))?;
    }
    let mut differences = Vec::new();
    for pair in complete() {
        let scaled =
            |passes: u32, runs: u32| i64::from(passes).checked_mul(common / i64::from(runs));
        let candidate = scaled(pair.candidate.passes, pair.candidate.runs)?;
        differences.push(candidate - scaled(pair.base.passes, pair.base.runs)?);
    }
    let divisor = differences.iter().fold(0, |divisor, next| greatest_divisor(divisor, next.abs()));
    Some(differences.into_iter().map(|difference| difference / divisor.max(1)).collect())
}

/// The greatest common divisor by Euclid's algorithm, of which zero is none.
fn greatest_divisor(mut one: i64, mut other: i64) -> i64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::super::Cell;
    use super::super::testing::{close, examples, is_probability, pairs, swapped};
    use super::*;

    #[test]
    fn ties_of_differences_are_kept() {
        // 1/3, 0, 2/3, -1/3, 1/3, 1, 0, 1/3, 2/3 and 0: rounded numbers give 0.0625.
        let base = [1, 2, 0, 2, 1, 0, 3, 2, 1, 0];
        let found = sign_flip(&pairs(&base, &[2, 2, 2, 1, 2, 3, 3, 3, 3, 0], 3)).unwrap();
        close(found.p, 0.078_125);
        assert_eq!((found.telling, found.smallest_p), (7, 1.0 / 64.0));
    }

    #[test]
    fn it_is_the_share_of_all_choices_of_signs() {
        for night in examples() {
            let differences = whole_differences(&night).unwrap();
            let seen = differences.iter().sum::<i64>().abs();
            let choices = 1u32 << differences.len();
            let sum = |signs: u32| -> i64 {
                let signed = differences.iter().enumerate().map(|(at, difference)| {
                    if signs >> at & 1 == 1 { *difference } else { -*difference }
                });
                signed.sum()
            };
            let extreme = (0..choices).filter(|signs| sum(*signs).abs() >= seen).count();
            let found = sign_flip(&night).unwrap();
            close(found.p, extreme as f64 / f64::from(choices));
            assert!(is_probability(found.p) && found.p >= found.smallest_p, "{night:?}");
            assert_eq!(sign_flip(&swapped(&night)), Some(found));
        }
    }

    #[test]
    fn fewer_than_six_tasks_that_differ_cannot_reach_five_percent() {
        let lost = |tasks| sign_flip(&pairs(&vec![5; tasks], &vec![0; tasks], 5)).unwrap();
        assert_eq!((lost(5).p, lost(5).smallest_p), (0.0625, 0.0625));
        assert_eq!((lost(6).p, lost(6).smallest_p), (0.03125, 0.03125));
        let nothing = SignFlip { p: 1.0, telling: 0, smallest_p: 1.0 };
        assert_eq!(lost(0), nothing);
        assert_eq!(sign_flip(&pairs(&[3, 3], &[3, 3], 5)), Some(nothing));
        assert_eq!(sign_flip(&[Pair::default()]), Some(nothing));
    }

    #[test]
    fn hundreds_of_tasks_are_exact_and_numbers_without_end_are_refused() {
        let many = sign_flip(&pairs(&[5; 500], &[4; 500], 5)).unwrap();
        close(many.p, 0.0);
        assert!(many.p > 0.0, "500 halves are no zero");
        let primes = [4093, 4091, 4079, 4073, 4057, 4051, 4049, 4027, 4021];
        let cell = |runs| Cell::new(1, runs);
        let night: Vec<Pair> =
            primes.map(|runs| Pair { base: cell(runs), candidate: cell(runs - 1) }).into();
        assert_eq!(sign_flip(&night), None);
        assert_eq!(sign_flip(&night[..2]), None);
    }
}
