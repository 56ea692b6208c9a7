//! How long the runs of a plan will take: their schedule, played many times with the durations of
//! an old night.
//!
//! It is the schedule of `batch/parent.rs`: the order of the plan, so many runs at once on each
//! machine, starts that are staggered, and the limits of models. Outages, second attempts and the
//! first start of a machine are left out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::Serialize;

use super::batch::STAGGER;
use super::night::Night;
use super::plan::Plan;
use super::results::line::RunResult;
use super::schedule::{Run, Shard, model};
use super::statistics::generator::Generator;
use crate::sorting;
use crate::units::milliseconds;

/// So many runs are played in all, and at least and at most so many nights: the median of a hundred
/// nights is steady enough for a plan, and that of a large night hardly varies.
const PLAYED_RUNS: usize = 2_000_000;
const FEWEST_NIGHTS: usize = 11;
const MOST_NIGHTS: usize = 201;

/// The machines that make the runs.
pub struct Machines {
    /// How many runs go on at once on each.
    pub jobs: u32,
    /// Into how many parts the batch is split, each on a machine of its own.
    pub count: u32,
    /// The only part that is meant; `None` for all.
    pub only: Option<Shard>,
}

impl Machines {
    /// How many machines are meant.
    pub fn number(&self) -> u32 {
        if self.only.is_some() { 1 } else { self.count.max(1) }
    }

    /// The part that does a block, if it is meant.
    pub fn part(&self, block: u64) -> Option<Shard> {
        let count = self.count.max(1);
        let part = Shard { index: (block % u64::from(count)) as u32 + 1, count };
        Some(part).filter(|part| self.only.is_none_or(|only| only == *part))
    }
}

/// How long a night takes, until the last machine is done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Makespan {
    /// How many nights were played.
    pub nights: usize,
    /// How many machines there are.
    pub shards: u32,
    /// How many runs go on at once on each.
    pub jobs: u32,
    /// Half of the nights take no longer, in seconds.
    pub median_s: f64,
    /// Nine of ten nights take no longer, in seconds.
    pub p90_s: f64,
    /// Which share of all places for runs is in use until the last run has ended.
    pub busy: f64,
    /// How many of the runs have a task and an arm that the old night knows; the others are taken
    /// for runs of the same arm, of the same task, or for any.
    pub known: usize,
}

/// Plays the runs with the durations of a night; `None` if it has none.
pub fn makespan(plan: &Plan, runs: &[Run], machines: &Machines, night: &Night) -> Option<Makespan> {
    let durations = Durations::of(night);
    let pools: Vec<&[u64]> = runs.iter().map(|run| durations.like(plan, run)).collect();
    if runs.is_empty() || pools.iter().any(|pool| pool.is_empty()) {
        return None;
    }
    let known = runs.iter().filter(|run| durations.knows(plan, run)).count();
    let queues = queues(plan, runs, machines);
    let meant: Vec<usize> = queues.iter().flatten().flat_map(|one| one.runs.clone()).collect();
    let nights = (PLAYED_RUNS / runs.len()).clamp(FEWEST_NIGHTS, MOST_NIGHTS);
    let slots = f64::from(machines.jobs) * f64::from(machines.number());
    let mut busy = 0.0;
    let mut ends: Vec<u64> = Vec::new();
    for night in 0..nights {
        let mut random = Generator::stream(plan.seed, night as u32);
        let took: Vec<u64> = pools.iter().map(|pool| pool[random.below(pool.len())]).collect();
        let end = queues.iter().map(|queues| play(queues, machines.jobs, &took)).max();
        let end = end.unwrap_or(0).max(1);
        let work: u64 = meant.iter().map(|place| took[*place]).sum();
        busy += work as f64 / (end as f64 * slots);
        ends.push(end);
    }
    sorting::sort(&mut ends);
    busy /= nights as f64;
    let at = |place: usize| ends[place] as f64 / 1000.0;
    let (shards, jobs) = (machines.number(), machines.jobs);
    let (median_s, p90_s) = (at(nights / 2), at((nights * 9).div_ceil(10) - 1));
    Some(Makespan { nights, shards, jobs, median_s, p90_s, busy, known })
}

/// How long runs of an old night took, in milliseconds.
struct Durations<'a> {
    of_pair: BTreeMap<(&'a str, &'a str), Vec<u64>>,
    of_arm: BTreeMap<&'a str, Vec<u64>>,
    of_task: BTreeMap<&'a str, Vec<u64>>,
    all: Vec<u64>,
}

impl<'a> Durations<'a> {
    fn of(night: &'a Night) -> Durations<'a> {
        let (of_pair, of_arm) = (BTreeMap::new(), BTreeMap::new());
        let mut found = Durations { of_pair, of_arm, of_task: BTreeMap::new(), all: Vec::new() };
        for run in &night.runs {
            let line = run.counts.as_ref().filter(|line| line.result != RunResult::Unscored);
            let Some(took) = line.and_then(|line| line.took_ms) else { continue };
            let (task, arm) = (&*night.plan.tasks[run.task].id, &*night.plan.arms[run.arm].id);
            found.of_pair.entry((task, arm)).or_default().push(took);
            found.of_arm.entry(arm).or_default().push(took);
            found.of_task.entry(task).or_default().push(took);
            found.all.push(took);
        }
        found
    }

    fn knows(&self, plan: &Plan, run: &Run) -> bool {
        self.of_pair.contains_key(&(&*plan.tasks[run.task].id, &*plan.arms[run.arm].id))
    }

    /// The durations of the runs that are most like that one.
    fn like<'b>(&'b self, plan: &'b Plan, run: &Run) -> &'b [u64] {
        let (task, arm) = (&*plan.tasks[run.task].id, &*plan.arms[run.arm].id);
        let pair = self.of_pair.get(&(task, arm));
        let alike = pair.or(self.of_arm.get(arm)).or(self.of_task.get(task));
        alike.unwrap_or(&self.all)
    }
}

/// The runs of one model that a machine makes.
struct Queue {
    /// Places in the list of all runs, in the order of the schedule.
    runs: Vec<usize>,
    /// How many of them may go on at once.
    most: u32,
}

/// What each machine that has runs to make has to do.
fn queues(plan: &Plan, runs: &[Run], machines: &Machines) -> Vec<Vec<Queue>> {
    let mut found: BTreeMap<u32, BTreeMap<&str, Queue>> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        let Some(shard) = machines.part(run.block) else { continue };
        let model = model(&plan.arms[run.arm]);
        let most = || plan.max_parallel.get(model).map_or(u32::MAX, |most| shard.part_of(*most));
        let of_machine = found.entry(shard.index).or_default();
        let queue =
            of_machine.entry(model).or_insert_with(|| Queue { runs: Vec::new(), most: most() });
        queue.runs.push(place);
    }
    found.into_values().map(|queues| queues.into_values().collect()).collect()
}

/// When the last run of one machine has ended, in milliseconds from the beginning.
fn play(queues: &[Queue], jobs: u32, took: &[u64]) -> u64 {
    let stagger = milliseconds(STAGGER);
    let mut next = vec![0; queues.len()];
    let mut running_of = vec![0; queues.len()];
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let (mut now, mut may_start) = (0, 0);
    loop {
        while let Some(Reverse((_, queue))) = running.peek().filter(|one| one.0.0 <= now) {
            running_of[*queue] -= 1;
            running.pop();
        }
        let has_room = |queue: &usize| running_of[*queue] < queues[*queue].most;
        let due = |queue: &usize| queues[*queue].runs.get(next[*queue]).copied();
        let ready = (0..queues.len()).filter(|queue| has_room(queue) && due(queue).is_some());
        let first = ready.min_by_key(due).filter(|_| running.len() < jobs as usize);
        match (first, running.peek()) {
            (Some(queue), busy) if now >= may_start || busy.is_none() => {
                let run = queues[queue].runs[next[queue]];
                next[queue] += 1;
                running_of[queue] += 1;
                running.push(Reverse((now + took[run], queue)));
                may_start = now + stagger;
            }
            (Some(_), Some(Reverse((end, _)))) => now = may_start.min(*end),
            (None, Some(Reverse((end, _)))) => now = *end,
            (_, None) => return now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::night::sketch;
    use crate::bench::schedule;

    /// A plan of two arms on models of their own, a night of it in which each run took a second,
    /// and its runs.
    fn night() -> (Night, Vec<Run>) {
        let mut night = sketch::night(&[("a", &["pp"; 8]), ("b", &["pp"; 8])]);
        for arm in &mut night.plan.arms {
            arm.model = Some(format!("scripted/{}", arm.id));
        }
        let runs = schedule::runs(&night.plan, "batch");
        (night, runs)
    }

    fn machines(jobs: u32, count: u32) -> Machines {
        Machines { jobs, count, only: None }
    }

    fn seconds(night: &Night, runs: &[Run], machines: &Machines) -> f64 {
        makespan(&night.plan, runs, machines, night).unwrap().median_s
    }

    #[test]
    fn one_after_the_other_take_their_sum_and_more_at_once_are_staggered() {
        let (night, runs) = night();
        assert_eq!(runs.len(), 32);
        assert_eq!(seconds(&night, &runs, &machines(1, 1)), 32.0);
        // The second place begins a quarter of a second later and stays behind by that.
        assert_eq!(seconds(&night, &runs, &machines(2, 1)), 16.25);
        // With eight places only one start in a quarter of a second is possible.
        assert_eq!(seconds(&night, &runs, &machines(8, 1)), 31.0 * 0.25 + 1.0);
        assert_eq!(seconds(&night, &runs, &machines(1, 4)), 8.0);
        let only = Some(Shard { index: 2, count: 4 });
        let found = makespan(&night.plan, &runs, &Machines { jobs: 1, count: 4, only }, &night);
        let found = found.unwrap();
        assert_eq!((found.shards, found.median_s, found.busy), (1, 8.0, 1.0));
    }

    #[test]
    fn a_limit_of_a_model_is_that_of_all_machines() {
        let (mut night, runs) = night();
        night.plan.max_parallel = [("scripted/a".to_owned(), 1)].into();
        // All runs of a, one after the other, while those of b find places. The first may have to
        // let one of b begin a quarter of a second before it.
        let took = seconds(&night, &runs, &machines(4, 1));
        assert!((16.0..=16.25).contains(&took), "{took}");
        // One each on two machines, which have half of the runs.
        let took = seconds(&night, &runs, &machines(4, 2));
        assert!((8.0..=8.25).contains(&took), "{took}");
    }

    #[test]
    fn the_slowest_run_bounds_every_night_and_places_stand_idle_for_it() {
        let (mut night, runs) = night();
        for run in night.runs.iter_mut().filter(|run| run.task == 0 && run.arm == 0) {
            run.counts.as_mut().unwrap().took_ms = Some(100_000);
        }
        let found = makespan(&night.plan, &runs, &machines(8, 4), &night).unwrap();
        assert!(found.median_s >= 100.0 && found.p90_s >= found.median_s, "{found:?}");
        assert!(found.busy < 0.2, "{found:?}");
        assert_eq!(found.known, 32);
        assert_eq!(makespan(&night.plan, &runs, &machines(8, 4), &night), Some(found), "the seed");
    }

    #[test]
    fn a_run_that_the_old_night_does_not_know_takes_as_long_as_others_of_its_arm() {
        let (night, _) = night();
        let mut plan = night.plan.clone();
        plan.tasks[0].id = "new".into();
        let runs = schedule::runs(&plan, "batch");
        let found = makespan(&plan, &runs, &machines(1, 1), &night).unwrap();
        assert_eq!((found.known, found.median_s), (28, 32.0));
        let nothing = sketch::night(&[("a", &["--"; 8]), ("b", &["--"; 8])]);
        assert_eq!(makespan(&plan, &runs, &machines(1, 1), &nothing), None);
    }
}
