//! Which runs there are, in which order, and which shard does which.
//!
//! The order is repeat-major: all tasks of the first repeat in random order, then those of the
//! second. The arms of one block (a task and a repeat) stand next to each other in random order, so
//! that what changes during a night hits all of them alike.

use super::hash;
use super::plan::{Arm, Plan};
use super::statistics::generator::Generator;

/// One run of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What names it in results.
    pub id: String,
    /// The task's place in the plan.
    pub task: usize,
    /// The arm's place in the plan.
    pub arm: usize,
    /// From 1.
    pub repeat: u32,
    /// The number of its block, from 0, in the order of the schedule.
    pub block: u64,
}

/// The part of a batch that one parent process does, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part.
    pub index: u32,
    /// How many parts there are.
    pub count: u32,
}

impl Shard {
    /// The whole batch.
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// As results show it: `1/8`.
    pub fn name(self) -> String {
        format!("{}/{}", self.index, self.count)
    }

    /// Its part of so many runs at once that all shards together may have. Each has one at least,
    /// or its own runs would never be made.
    pub fn part_of(self, all: u32) -> u32 {
        let count = self.count.max(1);
        (all / count + u32::from(self.index <= all % count)).max(1)
    }

    /// Whether it does that block. Whole blocks are dealt out, so that all arms of a block run on
    /// one machine.
    pub fn does(self, block: u64) -> bool {
        block % u64::from(self.count.max(1)) + 1 == u64::from(self.index)
    }
}

/// All runs of the plan, in their order. A larger number of repeats only adds runs at the end.
pub fn runs(plan: &Plan, batch: &str) -> Vec<Run> {
    let mut found = Vec::new();
    let mut block = 0;
    // An arm's configuration is large and does not change from run to run.
    let arms: Vec<String> = plan.arms.iter().map(Arm::identity).collect();
    for repeat in 1..=plan.repeats {
        let mut random = Generator::stream(plan.seed, repeat);
        let mut tasks: Vec<usize> = (0..plan.tasks.len()).collect();
        random.shuffle(&mut tasks);
        for task in tasks {
            let mut order: Vec<usize> = (0..plan.arms.len()).collect();
            random.shuffle(&mut order);
            found.extend(order.into_iter().map(|arm| Run {
                id: hash::run(batch, &plan.tasks[task].sha256, &arms[arm], repeat),
                task,
                arm,
                repeat,
                block,
            }));
            block += 1;
        }
    }
    found
}

/// The model by which runs of an arm are counted for `max_parallel` and outages.
pub fn model(arm: &Arm) -> &str {
    arm.model.as_deref().unwrap_or("")
}

/// The provider of an arm's model.
pub fn provider(arm: &Arm) -> &str {
    model(arm).split('/').next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_belongs_to_exactly_one_shard() {
        for block in 0..50 {
            let count = 7;
            let does = (1..=count).filter(|index| Shard { index: *index, count }.does(block));
            assert_eq!(does.count(), 1, "{block}");
        }
    }

    #[test]
    fn what_all_shards_may_run_at_once_is_dealt_out_without_a_rest() {
        let parts = |all, count| {
            (1..=count).map(|index| Shard { index, count }.part_of(all)).collect::<Vec<_>>()
        };
        assert_eq!(parts(4, 3), [2, 1, 1]);
        assert_eq!(parts(8, 4), [2; 4]);
        assert_eq!(parts(2, 3), [1; 3], "each has one at least");
        assert_eq!(Shard::WHOLE.part_of(4), 4);
    }
}
