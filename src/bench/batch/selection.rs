//! Which of a plan's runs are asked for.

use crate::bench::glob;
use crate::bench::plan::Plan;
use crate::bench::schedule::{Run, Shard};
use crate::error::{Error, Result};
use crate::sorting;

/// The flags that choose among the runs of a plan. What is empty chooses all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Globs of task ids.
    pub tasks: Vec<String>,
    /// Tags of which a task has one.
    pub tags: Vec<String>,
    /// Ids of arms.
    pub arms: Vec<String>,
    /// Only the first repeats.
    pub repeats: Option<u32>,
    /// Only so many runs.
    pub limit: Option<usize>,
}

impl Selection {
    /// The places of the chosen runs of a shard in `runs`, in their order. A word that chooses
    /// nothing is a mistake.
    pub fn choose(&self, plan: &Plan, runs: &[Run], shard: Shard) -> Result<Vec<usize>> {
        let nothing = |flag: &str, word: &str, known: Vec<&str>| {
            Error::usage(format!("{flag} {word} names nothing in the plan"))
                .hint(format!("it has {}", known.join(", ")))
        };
        let ids = || plan.tasks.iter().map(|task| task.id.as_str());
        for word in &self.tasks {
            if !ids().any(|id| glob::matches(word, id.as_bytes())) {
                return Err(nothing("--task", word, ids().take(20).collect()));
            }
        }
        for word in &self.arms {
            if !plan.arms.iter().any(|arm| arm.id == *word) {
                let known = plan.arms.iter().map(|arm| arm.id.as_str()).collect();
                return Err(nothing("--arm", word, known));
            }
        }
        for word in &self.tags {
            let mut known: Vec<&str> =
                plan.tasks.iter().flat_map(|task| &task.tags).map(String::as_str).collect();
            if !known.contains(&word.as_str()) {
                sorting::sort(&mut known);
                known.dedup();
                return Err(nothing("--tag", word, known));
            }
        }
        let wanted = |run: &Run| {
            let task = &plan.tasks[run.task];
            let named = |word: &String| glob::matches(word, task.id.as_bytes());
            shard.does(run.block)
                && (self.tasks.is_empty() || self.tasks.iter().any(named))
                && (self.tags.is_empty() || self.tags.iter().any(|tag| task.tags.contains(tag)))
                && (self.arms.is_empty() || self.arms.contains(&plan.arms[run.arm].id))
                && self.repeats.is_none_or(|most| run.repeat <= most)
        };
        let chosen = runs.iter().enumerate().filter(|(_, run)| wanted(run)).map(|(place, _)| place);
        Ok(chosen.take(self.limit.unwrap_or(usize::MAX)).collect())
    }
}
