//! Adjustments for many questions at once: several candidates, many rows of a report.

use crate::sorting;

/// Holm's adjusted p values (1979), in the order given: to compare each with α keeps the chance of
/// any false alarm at α. For the candidates of one night, each compared with the base.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let count = p_values.len();
    let mut adjusted = vec![0.0; count];
    let mut largest: f64 = 0.0;
    for (rank, at) in ascending(p_values).into_iter().enumerate() {
        largest = largest.max(p_values[at] * (count - rank) as f64).min(1.0);
        adjusted[at] = largest;
    }
    adjusted
}

/// The adjusted p values of Benjamini and Hochberg (1995), in the order given: of those that are at
/// most α, about α are false alarms. For rows of a report, such as tasks and tags.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let count = p_values.len();
    let mut adjusted = vec![0.0; count];
    let mut smallest: f64 = 1.0;
    for (rank, at) in ascending(p_values).into_iter().enumerate().rev() {
        smallest = smallest.min(p_values[at] * count as f64 / (rank + 1) as f64);
        adjusted[at] = smallest;
    }
    adjusted
}

/// The places of the values, from the smallest one.
fn ascending(values: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    sorting::sort_by(&mut places, |a, b| values[*a].total_cmp(&values[*b]));
    places
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, is_probability};
    use super::*;

    #[track_caller]
    fn all_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            close(*found, *expected);
        }
    }

    #[test]
    fn benjamini_and_hochberg_have_the_reference_values() {
        let found = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.2]);
        all_close(&found, &[0.025, 0.05, 0.05, 0.025, 0.2]);
    }

    #[test]
    fn holm_multiplies_by_what_is_left_and_never_goes_down() {
        let found = holm(&[0.01, 0.04, 0.03, 0.005, 0.2]);
        all_close(&found, &[0.04, 0.09, 0.09, 0.025, 0.2]);
        all_close(&holm(&[0.6, 0.7]), &[1.0, 1.0]);
    }

    #[test]
    fn one_question_needs_no_adjustment_and_none_gives_none() {
        assert_eq!((holm(&[0.03]), benjamini_hochberg(&[0.03])), (vec![0.03], vec![0.03]));
        assert_eq!((holm(&[]), benjamini_hochberg(&[])), (vec![], vec![]));
    }

    #[test]
    fn adjusted_values_are_larger_and_in_the_same_order() {
        let values = [0.2, 0.001, 0.05, 0.05, 0.9, 1.0, 0.0, 0.011];
        for adjusted in [holm(&values), benjamini_hochberg(&values)] {
            for (at, one) in values.iter().enumerate() {
                assert!(adjusted[at] >= *one && is_probability(adjusted[at]));
                for (other, value) in values.iter().enumerate() {
                    assert!(one > value || adjusted[at] <= adjusted[other], "{values:?}");
                }
            }
        }
        let pairs = holm(&values).into_iter().zip(benjamini_hochberg(&values));
        assert!(pairs.into_iter().all(|(holm, other)| holm >= other));
    }
}
