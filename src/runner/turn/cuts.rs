//! Steps whose answer was cut: the provider's stream ended without saying how.
//!
//! Most versions complete such a step with the finish `unknown` and ask the provider again at once,
//! a dozen times a second and for ever. 1.14.34 says `other`. A step that ran a tool is progress
//! all the same: some providers never say how an answer ends.

use std::collections::{BTreeMap, BTreeSet};

use super::Turn;
use crate::client::wire::{Info, Part};

/// The tool that the server runs in place of one whose arguments it cannot read.
const INVALID_TOOL: &str = "invalid";

/// The cut steps of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// After how many of them the provider was asked again.
    pub repeated: u64,
    /// How many of the newest steps of one conversation were cut, one after the other.
    pub in_a_row: u64,
}

/// The same for one conversation, while its steps are counted.
#[derive(Default)]
struct Row {
    repeated: u64,
    in_a_row: u64,
    last_is_cut: bool,
}

/// Which steps ran a tool.
#[derive(Debug, Default)]
pub struct Working(BTreeSet<String>);

impl Working {
    /// Takes a part of a step.
    pub fn note(&mut self, part: &Part) {
        let tool = part.tool.as_deref().is_some_and(|name| name != INVALID_TOOL);
        if tool && matches!(part.state.status.as_str(), "running" | "completed" | "error") {
            self.0.insert(part.message.clone());
        }
    }

    fn is_cut(&self, step: &Info) -> bool {
        let failed = step.error.is_some() || step.structured.is_some();
        step.time.completed.is_some() && !failed && step.lacks_finish() && !self.has(step)
    }

    fn has(&self, step: &Info) -> bool {
        self.0.contains(&step.id)
    }
}

impl Turn {
    /// The cut steps of the turn and its sub-agents so far.
    pub fn cuts(&self) -> Cuts {
        // The rows of the turn itself and of each sub-agent. A summary is in a row of its own.
        let mut rows: BTreeMap<(bool, &str), Row> = BTreeMap::new();
        let own = self.steps.values().map(|step| (false, step));
        for (below, step) in own.chain(self.below.values().map(|step| (true, step))) {
            let row = rows.entry((below, &step.conversation)).or_default();
            let is_after_cut = std::mem::take(&mut row.last_is_cut);
            row.repeated += u64::from(is_after_cut);
            row.last_is_cut = self.working.is_cut(step);
            if row.last_is_cut {
                row.in_a_row += 1;
            } else if step.time.completed.is_some() || self.working.has(step) {
                row.in_a_row = 0;
            }
        }
        Cuts {
            repeated: rows.values().map(|row| row.repeated).sum(),
            in_a_row: rows.values().map(|row| row.in_a_row).max().unwrap_or(0),
        }
    }

    /// How often the provider was tried again, by a retry or because its stream was cut.
    pub fn provider_retries(&self) -> u64 {
        self.retries.count() + self.cuts().repeated
    }
}
