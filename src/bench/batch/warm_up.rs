//! Before the first run: one start of each OpenCode program that is not recorded, so that what only
//! the first start of a host does (reading the program from the disk, moving old data) falls on no
//! run. It is also asked for the prices that a limit of the cost needs, before anything is spent.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::children::spawn;
use super::directory::{RUNNING, replace};
use super::first_order::{clean, first_order};
use super::options::BatchWatcher;
use super::parent::{INTERRUPTED_WITHIN, LOOK, Parent};
use crate::bench::hash;
use crate::bench::plan::Arm;
use crate::bench::room;
use crate::bench::schedule::Run;
use crate::bench::trial::warm_up::WarmUpOrder;
use crate::error::{Error, Result};
use crate::runner::programs::{Handle, wait_any};
use crate::units::Deadline;

/// How long one start may take: twice as long as a server may take to answer, because it is asked
/// for prices besides.
const WARM_UP_TAKES: Duration = Duration::from_secs(240);

impl Parent<'_> {
    /// Starts each program of the arms that have runs to make once, and asks for the prices of
    /// those arms that need one. What fails is only told: the first run will say what is wrong. An
    /// arm whose price is not known is a usage error, and a full disk is noted in `full`.
    pub fn warm_up(&mut self, watcher: &mut dyn BatchWatcher) -> Result<()> {
        if self.has_spent_all() {
            return Ok(());
        }
        for place in self.first_starts() {
            watcher.going_on(&self.progress, None);
            if self.signals.received().is_some() {
                return Ok(());
            }
            let run = self.ledger.runs[place].clone();
            let arm = &self.plan.arms[run.arm];
            let found = match self.start_once(&run) {
                Ok(found) => found,
                Err(error) => json!({"trouble": error.to_string()}),
            };
            if self.signals.received().is_some() {
                return Ok(());
            }
            let trouble = found["trouble"].as_str().or(found["price"]["message"].as_str());
            if found["full"] == true {
                self.full = Some(room::full(&self.scratch, trouble.unwrap_or_default()));
                return Ok(());
            }
            let needs_price = self.needs_price(arm);
            if needs_price {
                expect_price(arm, &found["price"])?;
            }
            if let Some(trouble) = trouble {
                let consequence = if needs_price {
                    ": it is not known whether the limits of the cost work"
                } else {
                    ""
                };
                let trouble = trouble.trim_end();
                watcher.warned(&format!(
                    "a first start of arm {} failed{consequence} ({trouble})",
                    arm.id
                ));
            }
        }
        // No run has waited for this.
        self.free_since = Instant::now();
        Ok(())
    }

    fn needs_price(&self, arm: &Arm) -> bool {
        self.plan.arms_to_price().iter().any(|one| one.id == arm.id)
    }

    /// The places of the runs in whose surroundings a server is started: the first run of each arm
    /// that needs a price, and the first one of each program that is left.
    fn first_starts(&self) -> Vec<usize> {
        let mut found = Vec::new();
        let mut asked = BTreeSet::new();
        let mut arms = BTreeSet::new();
        let mut programs = BTreeSet::new();
        for place in &self.queue {
            let at = self.ledger.runs[*place].arm;
            let arm = &self.plan.arms[at];
            if arms.insert(at) && self.needs_price(arm) && asked.insert(question(arm)) {
                programs.insert(arm.opencode.as_str());
                found.push(*place);
            }
            if arms.len() == self.plan.arms.len() {
                break;
            }
        }
        for place in &self.queue {
            if programs.insert(&self.plan.arms[self.ledger.runs[*place].arm].opencode) {
                found.push(*place);
            }
        }
        found
    }

    /// Starts a server as that run would; what its process has found out.
    fn start_once(&mut self, run: &Run) -> Result<Value> {
        let order = WarmUpOrder {
            plan: self.plan.narrowed(run.task, run.arm),
            is_priced: self.needs_price(&self.plan.arms[run.arm]),
            shard: self.options.shard.name(),
            scratch: self.scratch.join(crate::random::id().simple().to_string()),
            data: self.scratch.join("data"),
        };
        let running = self.directory.path.join(RUNNING);
        let file = running.join(first_order(self.options.shard));
        let failed = |error: io::Error| Error::failed(format!("cannot start a server: {error}"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&running).map_err(failed)?;
        replace(&file, &format!("{}\n", order.to_json()))?;
        let ended = self.attend(&order, &file).map_err(failed);
        let found = fs::read_to_string(order.found()).ok();
        let found = found.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| {
            let is_full = room::is_full(&self.scratch);
            json!({"trouble": "its process left no result", "full": is_full})
        });
        clean(&order, &file);
        ended.map(|()| found)
    }

    /// Waits until the process has ended, for as long as it may take.
    fn attend(&mut self, order: &WarmUpOrder, file: &Path) -> io::Result<()> {
        let mut child = spawn("warm-up", file, &order.scratch, Stdio::null())?;
        let handle = Handle::of_child(&child);
        let mut deadline = Deadline::after(WARM_UP_TAKES);
        let mut was_told = false;
        while child.try_wait()?.is_none() {
            if deadline.expired() {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(());
            }
            self.lock.beat();
            if self.signals.received().is_some() && !was_told {
                was_told = true;
                let _ = handle.as_ref().map(Handle::terminate);
                deadline = deadline.or_after(INTERRUPTED_WITHIN);
            }
            let handles: Vec<&Handle> = handle.iter().collect();
            wait_any(&handles, deadline.remaining(LOOK));
        }
        Ok(())
    }
}

/// What decides about the answer of a server to the question for an arm's price.
fn question(arm: &Arm) -> String {
    hash::json(&json!([arm.model, arm.agent, arm.opencode, arm.config, arm.overlay, arm.env]))
}

/// Refuses an arm whose price is not known. What the server did not say is not held against it.
fn expect_price(arm: &Arm, price: &Value) -> Result<()> {
    let id = &arm.id;
    let model = price["model"].as_str().unwrap_or("its model");
    let what = "and the plan limits the cost";
    let (why, hint) = match price["state"].as_str() {
        // Prices of the plan are those of the model that the arm names.
        Some("unknown") if arm.prices.is_some() => (
            format!("its prices are those of no model, because it names none; it would be {model}"),
            "write the arm's \"model\"",
        ),
        Some("unknown") => (
            format!("OpenCode does not know the price of {model}"),
            "write the arm's \"prices\", in US dollars for a million tokens: {\"input\": 1, \
             \"output\": 5, \"cache_read\": 0.1, \"cache_write\": 1.25}",
        ),
        Some("no_model") => (
            format!("OpenCode has no model {model}, so its price is not known"),
            "its name may be wrong, or its provider may have no key: \"pass_env\" or \"auth\"",
        ),
        Some("not_named") => {
            ("no model is named, so its price is not known".into(), "write the arm's \"model\"")
        }
        _ => return Ok(()),
    };
    Err(Error::usage(format!("arm {id}: {why}, {what}")).hint(hint))
}
