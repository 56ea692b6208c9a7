//! How often at least one of k runs passes, and how often all of them do.

use super::Cell;

/// pass@k of one task (Chen 2021, arXiv:2107.03374): the probability that at least one of `k` runs
/// passes, without bias: the share of all choices of `k` of the task's runs that hold a pass. None
/// for `k` of zero or of more than the task has runs.
pub fn pass_at_k(cell: Cell, k: u32) -> Option<f64> {
    if k == 0 || k > cell.runs {
        return None;
    }
    let failures = cell.failures();
    if failures < k {
        return Some(1.0);
    }
    let factors = (failures + 1..=cell.runs).map(|j| 1.0 - f64::from(k) / f64::from(j));
    Some(1.0 - factors.product::<f64>())
}

/// pass^k of one task (Yao 2024, arXiv:2406.12045): the probability that all of `k` runs pass,
/// without bias: the share of all choices of `k` of the task's runs that hold only passes. None for
/// `k` of zero or of more than the task has runs.
pub fn pass_all_k(cell: Cell, k: u32) -> Option<f64> {
    if k == 0 || k > cell.runs {
        return None;
    }
    let share = |j: u32| f64::from(cell.passes.saturating_sub(j)) / f64::from(cell.runs - j);
    Some((0..k).map(share).product())
}

/// The mean over tasks of `of`, which is `pass_at_k` or `pass_all_k`. Tasks without a run are left
/// out. None where a task has fewer than `k` runs: a mean over fewer tasks would be about others.
pub fn mean_over_tasks(cells: &[Cell], k: u32, of: fn(Cell, u32) -> Option<f64>) -> Option<f64> {
    let run = cells.iter().filter(|cell| cell.runs > 0);
    let values: Vec<f64> = run.map(|cell| of(*cell, k)).collect::<Option<_>>()?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (!values.is_empty()).then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, examples, is_probability};
    use super::*;

    #[test]
    fn pass_at_k_has_the_reference_values() {
        close(pass_at_k(Cell::new(3, 10), 5).unwrap(), 0.916_666_666_666_666_7);
        close(pass_at_k(Cell::new(7, 200), 100).unwrap(), 0.992_991_117_241_812_3);
        assert_eq!(pass_at_k(Cell::new(6, 10), 5), Some(1.0));
        assert_eq!(pass_at_k(Cell::new(0, 10), 5), Some(0.0));
        assert_eq!(pass_at_k(Cell::new(1, 4), 5), None);
        assert_eq!(pass_at_k(Cell::new(1, 4), 0), None);
    }

    #[test]
    fn pass_all_k_is_a_share_of_choices() {
        // 10 of the 120 choices of 3 of 10 runs hold only passes where 5 passed.
        close(pass_all_k(Cell::new(5, 10), 3).unwrap(), 10.0 / 120.0);
        assert_eq!(pass_all_k(Cell::new(10, 10), 10), Some(1.0));
        assert_eq!(pass_all_k(Cell::new(2, 10), 3), Some(0.0));
        assert_eq!(pass_all_k(Cell::new(2, 2), 3), None);
    }

    #[test]
    fn with_one_run_both_are_the_rate_and_with_more_they_part() {
        for cell in examples().concat().into_iter().map(|pair| pair.base) {
            assert_eq!(pass_at_k(cell, cell.runs + 1), None);
            let mut before = cell.rate().map(|rate| (rate, rate));
            for k in 1..=cell.runs {
                let found = (pass_at_k(cell, k).unwrap(), pass_all_k(cell, k).unwrap());
                let (some, all) = before.unwrap();
                assert!(found.0 >= some - 1e-12 && found.1 <= all + 1e-12, "{cell:?} {k}");
                assert!(is_probability(found.0) && is_probability(found.1), "{cell:?} {k}");
                if k == 1 {
                    close(found.0, some);
                    close(found.1, all);
                }
                // One passes unless all fail.
                let failed = Cell::new(cell.failures(), cell.runs);
                close(found.0, 1.0 - pass_all_k(failed, k).unwrap());
                before = Some(found);
            }
        }
    }

    #[test]
    fn the_mean_is_only_of_what_every_task_has() {
        let cells = [Cell::new(1, 2), Cell::new(0, 0), Cell::new(3, 3)];
        assert_eq!(mean_over_tasks(&cells, 2, pass_at_k), Some(1.0));
        assert_eq!(mean_over_tasks(&cells, 2, pass_all_k), Some(0.5));
        assert_eq!(mean_over_tasks(&cells, 3, pass_at_k), None);
        assert_eq!(mean_over_tasks(&[], 1, pass_at_k), None);
        assert_eq!(mean_over_tasks(&[Cell::new(0, 0)], 1, pass_at_k), None);
    }
}
