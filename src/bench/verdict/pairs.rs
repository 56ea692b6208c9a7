//! Which tasks of two sides are compared.

use super::LeftOut;
use super::question::Question;
use super::side::{Side, TaskRuns};
use crate::bench::results::line::RunResult;
use crate::bench::statistics::bounds::PlannedPair;
use crate::error::{Error, Result};

/// One task of both sides.
pub struct Matched<'a> {
    /// Its id.
    pub task: &'a str,
    /// What it can be selected by.
    pub tags: &'a [String],
    /// The base's runs.
    pub base: TaskRuns<'a>,
    /// The candidate's runs.
    pub candidate: TaskRuns<'a>,
}

impl Matched<'_> {
    /// The counts of both.
    pub fn planned(&self) -> PlannedPair {
        PlannedPair { base: self.base.planned(), candidate: self.candidate.planned() }
    }
}

/// The tasks that both sides have, in the order of the base's plan, and those that are left out.
pub fn matched<'a>(
    base: Side<'a>,
    candidate: Side<'a>,
    question: &Question,
) -> Result<(Vec<Matched<'a>>, Vec<LeftOut>)> {
    let mut both = Vec::new();
    let mut left_out = Vec::new();
    let (here, there) = (base.tasks(), candidate.tasks());
    let places = candidate.places();
    let mut changed = Vec::new();
    let all = base.night.plan.tasks.iter().zip(here);
    for (task, runs) in all {
        let id = task.id.as_str();
        let Some(place) = places.get(id) else {
            left_out.push(only(id, base));
            continue;
        };
        if candidate.night.plan.tasks[*place].sha256 != task.sha256 {
            changed.push(id);
            left_out.push(LeftOut { task: id.into(), why: "is not the same task in both".into() });
            continue;
        }
        both.push(Matched {
            task: id,
            tags: &task.tags,
            base: runs,
            candidate: there[*place].clone(),
        });
    }
    let known = base.places();
    let strangers = places.keys().filter(|id| !known.contains_key(*id));
    left_out.extend(strangers.map(|id| only(id, candidate)));
    if !changed.is_empty() && !question.common {
        return Err(different(base, candidate, &changed));
    }
    refuse_ungraded(&both)?;
    for pair in &both {
        let planned = pair.planned();
        for (side, cell) in [(base, planned.base), (candidate, planned.candidate)] {
            if cell.scored.runs == 0 {
                let why = format!("{} has no run with a result", side.id());
                left_out.push(LeftOut { task: pair.task.into(), why });
            }
        }
    }
    Ok((both, left_out))
}

fn only(task: &str, side: Side) -> LeftOut {
    let why = format!("only {} has it", side.night.directory.display());
    LeftOut { task: task.into(), why }
}

fn different(base: Side, candidate: Side, changed: &[&str]) -> Error {
    let (one, other) = (base.night.directory.display(), candidate.night.directory.display());
    let shown = changed.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let more = if changed.len() > 5 { ", …" } else { "" };
    Error::usage(format!(
        "{one} and {other} cannot be compared: their tasks are not the same: {shown}{more}"
    ))
    .hint("--common compares the tasks that are the same, and lists the rest")
}

/// A task without a check says nothing about an arm until another grader has spoken.
fn refuse_ungraded(both: &[Matched]) -> Result<()> {
    let is_ungraded =
        |runs: &TaskRuns| runs.runs.iter().any(|run| run.result() == RunResult::Ungraded);
    let found = both.iter().find(|pair| is_ungraded(&pair.base) || is_ungraded(&pair.candidate));
    match found {
        None => Ok(()),
        Some(pair) => {
            Err(Error::usage(format!("runs of the task {} are not graded yet", pair.task))
                .hint("occtl bench recheck DIR --from FILE takes the results of another grader"))
        }
    }
}
