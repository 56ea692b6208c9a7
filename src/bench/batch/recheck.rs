//! Grades stored answers again: with today's checks, or by the verdicts of another grader.
//!
//! No token is spent and no line is changed: each recheck has a file of its own, and the newest
//! line of an attempt counts.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::children::end_marked;
use super::directory::{Directory, replace};
use super::ledger::Ledger;
use super::lock::lock;
use super::scratch;
use super::verdicts::{Given, Verdicts};
use crate::bench::bound::bound_to_us;
use crate::bench::plan::Plan;
use crate::bench::results::file::{self, Appender};
use crate::bench::results::row::Row;
use crate::bench::results::stored::Stored;
use crate::bench::schedule::{self, Run};
use crate::bench::site::MARK;
use crate::bench::trial::regrade::UNGRADED;
use crate::bench::workspace;
use crate::error::{Error, Result};
use crate::runner::programs::{Handle, wait_any};
use crate::runner::{Context, Signals};
use crate::units::TICK;

/// What `bench recheck` is asked for.
pub struct RecheckOptions {
    /// The directory of the batch.
    pub directory: PathBuf,
    /// How many checks may go on at once.
    pub jobs: usize,
    /// Verdicts of another grader, instead of the tasks' checks.
    pub from: Option<PathBuf>,
    /// The arm that a report without arms is about.
    pub arm: Option<String>,
    /// Where fresh copies are.
    pub scratch: Option<PathBuf>,
}

/// A run whose result is another one now.
pub struct Flip {
    /// What names it.
    pub run_id: String,
    /// The task's id.
    pub task: String,
    /// The arm's id.
    pub arm: String,
    /// From 1.
    pub repeat: u32,
    /// What it was.
    pub from: String,
    /// What it is.
    pub to: String,
}

/// A run whose answer could not be graded.
pub struct Ungraded {
    /// What names it.
    pub run_id: String,
    /// The task's id.
    pub task: String,
    /// The arm's id.
    pub arm: String,
    /// From 1.
    pub repeat: u32,
    /// Why.
    pub reason: String,
}

/// What a recheck found.
#[derive(Default)]
pub struct Rechecked {
    /// Its number, from 1.
    pub number: u32,
    /// How many answers were graded.
    pub graded: usize,
    /// How many runs have no answer that could be graded, or no verdict of another grader.
    pub without: usize,
    /// What is another result now.
    pub flips: Vec<Flip>,
    /// What could not be graded now: its result stays.
    pub ungraded: Vec<Ungraded>,
    /// Verdicts that were given about no run of the batch.
    pub unknown: usize,
    /// A signal ended it before all were graded.
    pub is_cut: bool,
}

/// An answer that is graded by a process of its own.
struct Grading {
    place: usize,
    process: std::process::Child,
    handle: Option<Handle>,
    scratch: PathBuf,
    order: PathBuf,
    stored: Stored,
}

/// Grades all stored answers again.
pub fn recheck(context: &Context, options: &RecheckOptions) -> Result<Rechecked> {
    let signals = context.catch_signals()?;
    let directory = Directory::open(&options.directory)?;
    let directory = Directory { path: canonical(&directory.path)?, ..directory };
    let _alone = alone(&directory.path)?;
    let plan = directory.plan()?;
    let lines = file::read_all(&directory.path, &directory.batch)?;
    let ledger = Ledger::new(&plan, schedule::runs(&plan, &directory.batch), lines);
    let number = next_number(&directory.path)?;
    let name = format!("recheck-{number}.jsonl");
    let mut found = Rechecked { number, ..Rechecked::default() };
    if let Some(from) = &options.from {
        let verdicts = Verdicts::read(from, options.arm.as_deref(), &plan)?;
        found.unknown = verdicts.unknown(&plan, &ledger.runs);
        if found.unknown == verdicts.count() {
            return Err(Error::not_found("no verdict is about a run of this batch")
                .hint("occtl bench status DIR --json has the ids of its runs"));
        }
        let mut results = Appender::open(&directory.path, &name)?;
        for run in &ledger.runs {
            let (task, arm) = (&plan.tasks[run.task].id, &plan.arms[run.arm].id);
            match (ledger.newest(&run.id), verdicts.of(&run.id, task, arm, run.repeat)) {
                (Some(row), Some(given)) => {
                    let line = regraded(&directory.path, row, number, given)?;
                    record(&mut found, &mut results, row, &line)?;
                }
                _ => found.without += 1,
            }
        }
        return Ok(found);
    }
    let scratch = scratch::open(&context.environment, options.scratch.as_deref())?;
    let mut results = Appender::open(&directory.path, &name)?;
    let work = Work { directory: &directory, plan: &plan, ledger: &ledger, scratch: &scratch };
    work.grade_all(options.jobs, &signals, &mut found, &mut results)?;
    Ok(found)
}

/// What grading needs.
struct Work<'a> {
    directory: &'a Directory,
    plan: &'a Plan,
    ledger: &'a Ledger<'a>,
    scratch: &'a Path,
}

impl Work<'_> {
    fn grade_all(
        &self,
        jobs: usize,
        signals: &Signals,
        found: &mut Rechecked,
        results: &mut Appender,
    ) -> Result<()> {
        let mut next = 0;
        let mut going: Vec<Grading> = Vec::new();
        while next < self.ledger.runs.len() || !going.is_empty() {
            if signals.received().is_some() {
                going.iter_mut().for_each(Grading::give_up);
                found.is_cut = true;
                return Ok(());
            }
            if going.len() < jobs && next < self.ledger.runs.len() {
                match self.start(next, found.number)? {
                    Some(grading) => going.push(grading),
                    None => found.without += 1,
                }
                next += 1;
                continue;
            }
            let handles: Vec<&Handle> =
                going.iter().filter_map(|one| one.handle.as_ref()).collect();
            wait_any(&handles, TICK);
            for at in (0..going.len()).rev() {
                if going[at].process.try_wait().is_ok_and(|status| status.is_some()) {
                    let mut done = going.swap_remove(at);
                    let line = done.stored.text("recheck.json").unwrap_or_default();
                    done.give_up();
                    if let Some(row) = self.ledger.newest(&self.ledger.runs[done.place].id) {
                        record(found, results, row, line.trim())?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Starts to grade the newest answer of a run; `None` if it has none, or no check.
    fn start(&self, place: usize, number: u32) -> Result<Option<Grading>> {
        let run: &Run = &self.ledger.runs[place];
        let Some(row) = self.ledger.newest(&run.id) else { return Ok(None) };
        let Some(stored) = Stored::of(&self.directory.path, row) else { return Ok(None) };
        if self.plan.tasks[run.task].check.is_empty() || !stored.path("answer.patch").is_file() {
            return Ok(None);
        }
        let mark = crate::random::id().simple().to_string();
        let scratch = self.scratch.join(&mark);
        let plan = self.plan.narrowed(run.task, run.arm);
        let order = stored.path("recheck-order.json");
        let line = newest_line(&self.directory.path, row)?;
        let text = json!({
            "plan": plan.to_json(), "scratch": scratch, "artifacts": stored.path(""),
            "line": line, "number": number,
        });
        replace(&order, &format!("{text}\n"))?;
        let _ = fs::remove_file(stored.path("recheck.json"));
        let mut command = Command::new("/proc/self/exe");
        command.args(["bench", "regrade"]).arg(&order).args(bound_to_us()).env(MARK, &mark);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn();
        let process =
            process.map_err(|error| Error::failed(format!("cannot start a check: {error}")))?;
        let handle = Handle::of_child(&process);
        Ok(Some(Grading { place, process, handle, scratch, order, stored }))
    }
}

impl Grading {
    /// Ends what is left of it.
    fn give_up(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        end_marked(&self.scratch);
        let _ = workspace::remove(&self.scratch);
        let _ = fs::remove_file(&self.order);
        let _ = fs::remove_file(self.stored.path("recheck.json"));
    }
}

/// Adds what came of an attempt to the recheck, and notes if the result is another one.
fn record(found: &mut Rechecked, results: &mut Appender, was: &Row, line: &str) -> Result<()> {
    let (run_id, task, arm) = (was.run_id.to_string(), was.task.to_string(), was.arm.to_string());
    let repeat = was.repeat;
    let Some(row) = Row::read(line) else {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        let reason = value[UNGRADED].as_str().unwrap_or("its process left no verdict").into();
        found.ungraded.push(Ungraded { run_id, task, arm, repeat, reason });
        return Ok(());
    };
    results.append(line)?;
    found.graded += 1;
    if row.result != was.result {
        let (from, to) = (was.result.name().into(), row.result.name().into());
        found.flips.push(Flip { run_id, task, arm, repeat, from, to });
    }
    Ok(())
}

/// Keeps a second recheck of the directory away: they would take each other's files for their own.
/// A file system without locks lets it in.
fn alone(directory: &Path) -> Result<File> {
    let path = directory.join(".recheck.lock");
    let failed =
        |error: io::Error| Error::store(format!("cannot lock {}: {error}", path.display()));
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(failed)?;
    lock(&file).map(|_| file).ok_or_else(|| {
        Error::store(format!("another process rechecks {}", directory.display()))
            .hint("two at once would disturb each other; wait for it")
    })
}

/// The line of an attempt with another verdict.
fn regraded(directory: &Path, row: &Row, number: u32, given: &Given) -> Result<String> {
    let mut line = newest_line(directory, row)?;
    line["result"] = json!(given.result);
    line["score"] = json!(given.score);
    line["error"] = Value::Null;
    line["check_exit"] = Value::Null;
    line["recheck_of"] = json!(number);
    Ok(line.to_string())
}

/// The whole line of an attempt, as its trial wrote it.
fn newest_line(directory: &Path, row: &Row) -> Result<Value> {
    let line = Stored::of(directory, row).map_or(Value::Null, |stored| stored.json("result.json"));
    if line["run_id"] == *row.run_id {
        return Ok(line);
    }
    // The attempt was torn, or its files are gone: what the results say of it is enough.
    let told = file::line_of(directory, &row.run_id, row.attempt)?;
    told.ok_or_else(|| Error::failed(format!("the line of run {} is gone", row.run_id)))
}

fn next_number(directory: &Path) -> Result<u32> {
    let last = file::files(directory, "recheck-")?;
    let number = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("recheck-")?.strip_suffix(".jsonl")?.parse::<u32>().ok()
    };
    Ok(last.iter().filter_map(number).max().unwrap_or(0) + 1)
}

fn canonical(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| Error::failed(format!("cannot read {}: {error}", path.display())))
}
