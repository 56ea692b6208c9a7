//! The process that starts the trials of one shard, waits for them and records what they leave.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::children::Child;
use super::directory::Directory;
use super::ledger::{Ledger, Standing};
use super::lock::ParentLock;
use super::options::{BatchOptions, BatchWatcher, Left, Trees};
use super::orders::Orders;
use super::outage::{Ahead, Allowed, Hold, Outages};
use super::progress::{Pace, Progress};
use super::resume::{artifacts, read_back};
use super::trial_end::{TrialEnd, of_its_own_making, unrecorded};
use crate::bench::plan::Plan;
use crate::bench::results::file::Appender;
use crate::bench::results::row::Row;
use crate::bench::schedule::{model, provider};
use crate::bench::trial::order::TrialOrder;
use crate::error::Result;
use crate::runner::Signals;
use crate::runner::programs::{Handle, wait_any};
use crate::units::milliseconds;

/// Between two starts while something runs: servers that start at the same moment take each
/// other's time, and the provider sees a crowd.
pub const STAGGER: Duration = Duration::from_millis(250);

/// The longest wait without a look at signals, the lock's heartbeat and the deadlines of trials.
pub const LOOK: Duration = Duration::from_secs(1);

/// How long trials may take to record that they were interrupted.
pub const INTERRUPTED_WITHIN: Duration = Duration::from_secs(8);

/// Everything that the parent works with.
pub struct Parent<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What was asked for.
    pub options: &'a BatchOptions,
    /// The batch's directory.
    pub directory: &'a Directory,
    /// Where the orders of runs go.
    pub orders: Orders,
    /// What is done.
    pub ledger: Ledger<'a>,
    /// Where lines go.
    pub results: Appender,
    /// For as long as this process works.
    pub lock: ParentLock,
    /// Where the private directories of trials are.
    pub scratch: PathBuf,
    /// Signals of this process.
    pub signals: Signals,
    /// Places of the runs in the ledger that are due, in their order.
    pub queue: VecDeque<usize>,
    /// Counts.
    pub progress: Progress,
    /// The children.
    pub children: Vec<Child>,
    /// Providers that do not work.
    pub outages: Outages,
    /// How fast it goes.
    pub pace: Pace,
    /// When the last child was started.
    pub started: Option<Instant>,
    /// What this shard has spent, as far as it is known.
    pub spent: f64,
    /// What a run, or the first start of a program, said that had no more room on its disk.
    pub full: Option<String>,
    /// Since when there has been room for another child.
    pub free_since: Instant,
}

/// What can be done next.
enum Next {
    /// Start that run; whether it is a probe.
    Start(usize, bool),
    /// Wait, but not beyond that time.
    Wait(Duration),
    /// Nothing is left.
    End(Left),
}

impl Parent<'_> {
    /// Works until nothing is left, or until something ends it.
    pub fn work(&mut self, watcher: &mut dyn BatchWatcher) -> Left {
        loop {
            if let Some(code) = self.signals.received() {
                let recorded = self.interrupt(watcher);
                return match recorded {
                    Ok(()) => Left::Signal(code),
                    Err(error) => Left::Disk(error.to_string()),
                };
            }
            if !self.lock.beat() {
                // What the runs leave is the other parent's to record.
                self.children.iter_mut().for_each(Child::kill);
                return Left::Taken;
            }
            if let Some(full) = self.full.take() {
                let _ = self.interrupt(watcher);
                return Left::Disk(full);
            }
            match self.next() {
                Next::Start(place, is_probe) => match self.start(place, is_probe) {
                    Ok(()) => self.tell(watcher),
                    Err(error) => {
                        let _ = self.interrupt(watcher);
                        return Left::Disk(error.to_string());
                    }
                },
                Next::Wait(limit) => {
                    self.wait(limit);
                    if let Err(error) = self.collect(watcher) {
                        self.children.iter_mut().for_each(Child::kill);
                        return Left::Disk(error.to_string());
                    }
                    self.tell(watcher);
                }
                Next::End(left) => return left,
            }
        }
    }

    fn next(&mut self) -> Next {
        let now = Instant::now();
        let is_spent = self.has_spent_all();
        let lost = self.outages.given_up(self.longest_hold(), now).map(String::from);
        let stops = is_spent || lost.is_some();
        let mut wait = LOOK;
        if !stops && self.children.len() < self.options.jobs as usize {
            let since = self.started.map_or(STAGGER, |at| now.duration_since(at));
            if since >= STAGGER || self.children.is_empty() {
                match self.startable(now, &mut wait) {
                    Some((at, is_probe)) => {
                        let place = self.queue.remove(at).unwrap_or_default();
                        return Next::Start(place, is_probe);
                    }
                    None if self.queue.is_empty() && self.children.is_empty() => {
                        return Next::End(self.all_done());
                    }
                    None => {}
                }
            } else {
                wait = STAGGER - since;
            }
        }
        match (self.children.is_empty(), lost) {
            (true, Some(provider)) => Next::End(Left::Outage(provider)),
            (true, None) if is_spent && self.queue.is_empty() => Next::End(self.all_done()),
            (true, None) if is_spent => Next::End(Left::Budget),
            _ => Next::Wait(wait),
        }
    }

    /// How long a provider may be down before the batch ends.
    fn longest_hold(&self) -> Duration {
        Duration::try_from_secs_f64(self.plan.hold_s).unwrap_or(Duration::MAX)
    }

    fn tell(&self, watcher: &mut dyn BatchWatcher) {
        let waiting = self.queue.iter().map(|place| self.provider_of(*place));
        let ahead = self.outages.first_ahead(waiting, self.longest_hold(), Instant::now());
        watcher.going_on(&self.progress, ahead);
    }

    /// The provider of the run at that place of the ledger.
    fn provider_of(&self, place: usize) -> &str {
        provider(&self.plan.arms[self.ledger.runs[place].arm])
    }

    /// Tells that the runs of an arm's provider are held since `row`, if any are left to be made.
    fn tell_hold(&self, arm: usize, row: &Row, ahead: Ahead, watcher: &mut dyn BatchWatcher) {
        let provider = provider(&self.plan.arms[arm]);
        if self.queue.iter().any(|place| self.provider_of(*place) == provider) {
            let in_a_row = self.outages.in_a_row(provider);
            watcher.held(&Hold { provider, in_a_row, error: row.error.as_deref(), ahead });
        }
    }

    /// Whether this shard's part of the budget is spent.
    pub fn has_spent_all(&self) -> bool {
        let budget = self.plan.budget_usd.map(|all| all / f64::from(self.options.shard.count));
        budget.is_some_and(|budget| self.spent >= budget)
    }

    /// The first run of the queue that may start now, and whether it is a probe. `wait` is cut to
    /// the moment at which one may start.
    fn startable(&self, now: Instant, wait: &mut Duration) -> Option<(usize, bool)> {
        let (ledger, plan) = (&self.ledger, self.plan);
        let mut seen = Vec::new();
        for (at, place) in self.queue.iter().enumerate() {
            let arm = ledger.runs[*place].arm;
            // Whether an arm's runs may start does not depend on the run.
            if seen.contains(&arm) {
                continue;
            }
            seen.push(arm);
            let of_model = |child: &&Child| {
                model(&plan.arms[ledger.runs[child.run].arm]) == model(&plan.arms[arm])
            };
            let most = plan.max_parallel.get(model(&plan.arms[arm]));
            let most = most.map(|most| self.options.shard.part_of(*most));
            let running = self.children.iter().filter(of_model).count();
            if most.is_none_or(|most| running < most as usize) {
                match self.outages.allowed(provider(&plan.arms[arm]), now) {
                    Allowed::Yes => return Some((at, false)),
                    Allowed::Probe if running == 0 => return Some((at, true)),
                    Allowed::After(moment) => *wait = (*wait).min(moment - now),
                    Allowed::Probe | Allowed::WhenProbed => {}
                }
            }
            if seen.len() == plan.arms.len() {
                break;
            }
        }
        None
    }

    fn all_done(&self) -> Left {
        let stopped = |left: &[Standing]| left.contains(&Standing::ArmStopped);
        let runs = self.ledger.runs.iter().filter(|run| self.options.shard.does(run.block));
        let standings: Vec<Standing> = runs.map(|run| self.ledger.standing(run)).collect();
        if stopped(&standings) { Left::Arms } else { Left::Nothing }
    }

    fn start(&mut self, place: usize, is_probe: bool) -> Result<()> {
        let run = &self.ledger.runs[place];
        let arm = &self.plan.arms[run.arm];
        let attempt = self.ledger.next_attempt(run);
        let artifacts_name = artifacts(&run.id, attempt);
        let order = TrialOrder {
            plan: self.plan.narrowed(run.task, run.arm),
            plan_sha256: self.plan.sha256.clone(),
            batch: self.directory.batch.clone(),
            run_id: run.id.clone(),
            attempt,
            repeat: run.repeat,
            block: run.block,
            shard: self.options.shard.name(),
            jobs: self.options.jobs,
            queue_ms: milliseconds(self.free_since.elapsed()),
            spent_usd: self.ledger.spent_on(&run.id),
            scratch: self.scratch.join(crate::random::id().simple().to_string()),
            data: self.scratch.join("data"),
            artifacts: self.directory.path.join(&artifacts_name),
            artifacts_name,
            keep: (self.options.trees != Trees::None)
                .then(|| self.directory.path.join("kept").join(&run.id)),
            keep_all: self.options.trees == Trees::All,
            opencode_sha256: self.ledger.program_of(run.arm),
        };
        let mut child = Child::start(&mut self.orders, order, place)?;
        child.is_probe = is_probe;
        if is_probe {
            self.outages.probe_started(provider(arm));
        }
        self.children.push(child);
        self.progress.running = self.children.len();
        self.started = Some(Instant::now());
        self.free_since = Instant::now();
        Ok(())
    }

    fn wait(&self, limit: Duration) {
        let handles: Vec<&Handle> =
            self.children.iter().filter_map(|child| child.handle.as_ref()).collect();
        let limit =
            self.children.iter().fold(limit, |limit, child| child.deadline.remaining(limit));
        wait_any(&handles, limit);
    }

    /// Records the children that have ended.
    fn collect(&mut self, watcher: &mut dyn BatchWatcher) -> Result<()> {
        let mut at = 0;
        while at < self.children.len() {
            let child = &mut self.children[at];
            let is_over = child.deadline.expired();
            if is_over {
                child.kill();
            }
            let Some(status) = child.ended() else {
                at += 1;
                continue;
            };
            let end = TrialEnd::of(is_over, status.ok());
            let child = self.children.swap_remove(at);
            self.free_since = Instant::now();
            self.progress.running = self.children.len();
            self.record(child, end, watcher)?;
        }
        Ok(())
    }

    /// Records one attempt.
    fn record(
        &mut self,
        child: Child,
        end: TrialEnd,
        watcher: &mut dyn BatchWatcher,
    ) -> Result<()> {
        let dies = self.ledger.dies_too_often(&child.order.run_id);
        let (row, text) = match child.line() {
            Some((row, text)) if row.is_of_full_disk() && dies => of_its_own_making(row, text),
            Some(line) => line,
            None => {
                if end != TrialEnd::Late {
                    child.expect_room()?;
                }
                read_back(&unrecorded(&child, end, dies))
            }
        };
        if row.is_of_full_disk() {
            self.full = row.error.as_ref().map(|error| error.message.clone());
        }
        self.results.append(&text)?;
        let (place, is_probe) = (child.run, child.is_probe);
        child.forget(end == TrialEnd::Done, &mut self.orders);
        let run = &self.ledger.runs[place];
        let (id, arm) = (run.id.clone(), run.arm);
        let provider = provider(&self.plan.arms[arm]);
        let mut ahead = None;
        if row.uses_an_attempt() {
            let now = Instant::now();
            if self.outages.ended(provider, row.is_infrastructure(), now) {
                ahead = self.outages.ahead(provider, self.longest_hold(), now);
            }
        } else if is_probe {
            self.outages.probe_lost(provider);
        }
        self.progress.add_cost(&row);
        self.spent += row.own_cost().unwrap_or(0.0);
        if self.ledger.add(arm, row.clone()) {
            let ledger = &self.ledger;
            self.queue.retain(|place| ledger.runs[*place].arm != arm);
        }
        if self.ledger.standing(&self.ledger.runs[place]) == Standing::Due {
            self.queue.push_back(place);
        } else {
            self.progress.settle(self.ledger.newest(&id));
            self.pace.count();
        }
        let left = self.progress.runs.saturating_sub(self.progress.done);
        self.progress.left_ms = self.pace.left(left).map(milliseconds);
        watcher.ended(&row, &self.progress);
        if let Some(ahead) = ahead {
            self.tell_hold(arm, &row, ahead, watcher);
        }
        Ok(())
    }

    /// Asks all children to end, and records what they leave within the time that they have.
    fn interrupt(&mut self, watcher: &mut dyn BatchWatcher) -> Result<()> {
        self.children.iter().for_each(Child::terminate);
        let began = Instant::now();
        while !self.children.is_empty() && began.elapsed() < INTERRUPTED_WITHIN {
            self.wait(INTERRUPTED_WITHIN.saturating_sub(began.elapsed()));
            self.collect(watcher)?;
        }
        self.children.iter_mut().for_each(Child::kill);
        self.collect(watcher)
    }
}
