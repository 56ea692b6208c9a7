//! Which runs there are, in which order, and which shard does which.
//!
//! The order is repeat-major: all tasks of the first repeat in random order, then those of the
//! second. The arms of one block (a task and a repeat) stand next to each other in random order, so
//! that what changes during a night hits all of them alike.

use super::hash;
use super::plan::{Arm, Plan};

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
        let mut random = Random::new(plan.seed, repeat);
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

/// Random numbers that are the same for the same seed on every machine: SplitMix64 (Steele, Lea,
/// Flood 2014).
struct Random(u64);

impl Random {
    fn new(seed: u64, stream: u32) -> Random {
        let mut random = Random(seed ^ u64::from(stream).wrapping_mul(0xD1B5_4A32_D192_ED03));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, every number equally likely: the wide product's upper half.
    fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        (product >> 64) as usize
    }

    /// Fisher and Yates.
    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.below(last + 1);
            list.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // The first outputs of SplitMix64 with seed 1234567, as Rosetta Code and the reference in C
        // print them.
        let mut random = Random(1_234_567);
        let seen: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(seen, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn every_order_of_three_is_about_equally_frequent() {
        let mut seen = std::collections::BTreeMap::new();
        for seed in 0..6000 {
            let mut list = [0, 1, 2];
            Random::new(seed, 1).shuffle(&mut list);
            *seen.entry(list).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|count| (850..1150).contains(count)), "{seen:?}");
    }

    #[test]
    fn every_block_belongs_to_exactly_one_shard() {
        for block in 0..50 {
            let count = 7;
            let does = (1..=count).filter(|index| Shard { index: *index, count }.does(block));
            assert_eq!(does.count(), 1, "{block}");
        }
    }
}
