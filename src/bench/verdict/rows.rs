//! Which tasks and which tags became worse, where that can be said of one of them.

use std::collections::BTreeMap;

use super::RowTest;
use super::pairs::Matched;
use crate::bench::statistics::adjustments::benjamini_hochberg;
use crate::bench::statistics::detectable::smallest_mid_p;
use crate::bench::statistics::exact::stratified;
use crate::bench::statistics::nights::Runs;
use crate::bench::statistics::{Cell, Pair, reaches};

/// A row for each task.
pub fn of_tasks(pairs: &[Matched]) -> Vec<RowTest> {
    adjusted(pairs.iter().map(|pair| (pair.task, vec![counts(pair)])))
}

/// A row for each tag.
pub fn of_tags(pairs: &[Matched]) -> Vec<RowTest> {
    let mut tags: BTreeMap<&str, Vec<Pair>> = BTreeMap::new();
    for pair in pairs {
        for tag in pair.tags {
            tags.entry(tag).or_default().push(counts(pair));
        }
    }
    adjusted(tags.into_iter())
}

/// Whether one row alone could be called worse at `alpha`: with few repeats and many rows not even
/// a task that breaks completely can.
pub fn can_fire(rows: &[RowTest], alpha: f64) -> bool {
    rows.iter().any(|row| {
        let runs = Runs { base: row.base.runs, candidate: row.candidate.runs };
        reaches(smallest_mid_p(&[runs]) * rows.len() as f64, alpha)
    })
}

fn counts(pair: &Matched) -> Pair {
    let planned = pair.planned();
    Pair { base: planned.base.scored, candidate: planned.candidate.scored }
}

fn adjusted<'a>(rows: impl Iterator<Item = (&'a str, Vec<Pair>)>) -> Vec<RowTest> {
    let sum = |pairs: &[Pair], of: fn(&Pair) -> Cell| {
        pairs.iter().map(of).fold(Cell::default(), |sum, cell| Cell {
            passes: sum.passes + cell.passes,
            runs: sum.runs + cell.runs,
        })
    };
    let mut rows: Vec<RowTest> = rows
        .map(|(id, pairs)| RowTest {
            id: id.into(),
            base: sum(&pairs, |pair| pair.base),
            candidate: sum(&pairs, |pair| pair.candidate),
            p_worse: stratified(&pairs).worse.mid_p,
            p_worse_adjusted: 1.0,
        })
        .collect();
    let p: Vec<f64> = rows.iter().map(|row| row.p_worse).collect();
    for (row, adjusted) in rows.iter_mut().zip(benjamini_hochberg(&p)) {
        row.p_worse_adjusted = adjusted;
    }
    rows
}
