//! The sequence of one run, from an empty directory to the result line.

use std::fs;
use std::path::Path;

use super::agent_order::AgentOrder;
use super::artifacts::{self, AGENT_LOG};
use super::child::{self, ChildEnd};
use super::host;
use super::judge::{Judged, Left, error, judge};
use super::order::TrialOrder;
use super::program::Program;
use super::secrets::Secrets;
use super::surroundings;
use crate::bench::check::{Graded, grade};
use crate::bench::results::line::{LineError, ResultLine, RunResult, Stop};
use crate::bench::room;
use crate::bench::site::{DISK_FULL, Site, Trouble, TroubleKind};
use crate::bench::workspace::{self, Answer, Workspace};
use crate::error::{Error, Result};
use crate::runner::programs::{become_subreaper, largest_child, own_home};
use crate::runner::{Environment, Signals};

/// How much of a check's output the next try gets as its prompt: the end of it says why it failed.
const TAIL: usize = 4000;

/// How many notes are kept: a person reads them.
const MOST_NOTES: usize = 1000;

/// The file with the result line.
const RESULT: &str = "result.json";

/// Carries out the order in a file. Whatever happens is in the result line; an error means that
/// there is none, or that something which was started for the run does not end.
pub fn trial(environment: &Environment, file: &Path) -> Result<()> {
    let order = TrialOrder::read(file)?;
    artifacts::begin(&order.artifacts)?;
    let signals = Signals::catch()?;
    let failed = |what: &str, error: std::io::Error| Error::failed(format!("{what}: {error}"));
    become_subreaper().map_err(|error| failed("cannot take charge of the run", error))?;
    let place = &order.artifacts;
    let unwritten = |error| failed(&format!("cannot write into {}", place.display()), error);
    let is_stopped = || signals.received().is_some();
    let mut line = ResultLine::begun(&order, jiff::Timestamp::now().to_string());
    line.host = own_home().host.clone().unwrap_or_default();
    line.cpus = host::cpus();
    line.mem_limit_bytes = host::mem_limit();
    let mut run = Run {
        order: &order,
        environment,
        is_stopped: &is_stopped,
        secrets: surroundings::passed(&order.plan, environment),
        line,
        left: Vec::new(),
    };
    if let Err(judged) = run.go() {
        run.line.end(judged);
    }
    let Run { mut line, secrets, left, .. } = run;
    line.max_rss_bytes = largest_child();
    let before = if order.attempt == 1 { Some(0.0) } else { order.spent_usd };
    line.spent_usd = before.zip(line.cost_usd).map(|(before, now)| before + now);
    if let Some(error) = &mut line.error {
        error.message = secrets.mask(&error.message);
    }
    artifacts::write_durably(&place.join(RESULT), &format!("{}\n", line.to_text()))
        .map_err(unwritten)?;
    // The parent looks for processes of the run once more, unless it is told that there are none.
    match &left[..] {
        [] => Ok(()),
        pids => Err(Error::failed(format!("processes of the run do not end: {pids:?}"))),
    }
}

/// One run, and what is known of it so far.
struct Run<'a> {
    order: &'a TrialOrder,
    environment: &'a Environment,
    is_stopped: &'a dyn Fn() -> bool,
    secrets: Secrets,
    line: ResultLine,
    /// The pids of what does not end.
    left: Vec<u32>,
}

/// What came of one try.
struct Try {
    judged: Judged,
    left: Left,
}

impl Run<'_> {
    /// Does everything that can only be done while the run's directory is there, and removes it.
    fn go(&mut self) -> std::result::Result<(), Judged> {
        let order = self.order;
        let program = self.program()?;
        let site = Site {
            plan: &order.plan,
            task: &order.plan.tasks[0],
            overlay: order.plan.arms[0].overlay.as_deref(),
            opencode: Some(&program.path),
            scratch: &order.scratch,
            environment: self.environment,
            is_alone: true,
            is_stopped: self.is_stopped,
        };
        if let Err(judged) = self.work(&site) {
            self.line.end(judged);
        }
        self.look_for_room();
        // No attempt is repeated for a result that there cannot be.
        if site.task.check.is_empty() && self.line.stop != Stop::Interrupted {
            self.line.result = RunResult::Ungraded;
        }
        self.left = child::end_all(&site);
        if let Some(keep) = &order.keep
            && (order.keep_all || self.line.result != RunResult::Pass)
        {
            // The tree is an extra; its lack changes no result.
            let _ = artifacts::keep_tree(&site.tree(), keep);
        }
        // What cannot be removed is found by the next run of the batch.
        let _ = workspace::remove(&order.scratch);
        Ok(())
    }

    /// Takes a full disk for the cause of a run without a result: a server that finds no room just
    /// ends, and that would be told as its own fault.
    fn look_for_room(&mut self) {
        let line = &mut self.line;
        let may_be = matches!(line.stop, Stop::ServerError | Stop::SetupError | Stop::CheckError);
        // The agent may have removed the run's own directory.
        let place = self.order.scratch.parent().unwrap_or(&self.order.scratch);
        let why = line.error.clone().unwrap_or_default();
        if line.result == RunResult::Unscored
            && (why.name == DISK_FULL || may_be && room::is_full(place))
        {
            line.stop = Stop::Interrupted;
            line.error = Some(error(DISK_FULL, &room::full(place, &why.message)));
        }
    }

    /// The arm's OpenCode, which must be the one of the arm's first run.
    fn program(&mut self) -> std::result::Result<Program, Judged> {
        let name = &self.order.plan.arms[0].opencode;
        let memory = self.order.data.join("programs");
        let before = self.order.opencode_sha256.as_ref();
        let program = Program::of(self.environment, name, &memory).map_err(|why| {
            // One that was there for other runs of the arm is a changed one.
            let kind = if before.is_some() { "binary_changed" } else { "opencode" };
            unscored(Stop::SetupError, error(kind, &why.to_string()))
        })?;
        self.line.opencode_sha256 = Some(program.sha256.clone());
        if before.is_some_and(|before| *before != program.sha256) {
            let what = format!("{} was changed since the first run", program.path.display());
            return Err(unscored(Stop::SetupError, error("binary_changed", &what)));
        }
        Ok(program)
    }

    /// Prepares, lets the agent try, and checks.
    fn work(&mut self, site: &Site) -> std::result::Result<(), Judged> {
        let began = std::time::Instant::now();
        let workspace = Workspace::create(site).map_err(|trouble| troubled(&trouble))?;
        self.line.setup_ms = Some(crate::units::milliseconds(began.elapsed()));
        surroundings::copy_keys(site, &mut self.secrets)
            .map_err(|error| unscored(Stop::SetupError, error))?;
        let task = site.task;
        let mut order = AgentOrder::first(site);
        for number in 1..=task.tries {
            let Try { judged, left } = self.let_agent_try(site, &order, number)?;
            let answer = self.take_answer(site, &workspace)?;
            if !judged.scored {
                return Err(judged);
            }
            (self.line.stop, self.line.error) = (judged.stop, judged.error);
            let graded = grade(site, &workspace, &answer);
            self.note(&graded, number);
            self.keep_notes(&workspace, &answer, &graded);
            let output = graded.output.as_deref();
            if let Some(output) = output {
                let _ = self.secrets.copy(&[output], &self.order.artifacts.join("check.txt"));
            }
            let again = graded.result == RunResult::Fail
                && self.line.stop == Stop::Done
                && number < task.tries;
            let next = again.then(|| self.next_order(&order, &left, output)).flatten();
            let Some(next) = next else { break };
            order = next;
            forget_files(site.scratch);
            forget_files(&site.outbox());
        }
        Ok(())
    }

    /// Lets the agent work once, and takes what it left.
    fn let_agent_try(
        &mut self,
        site: &Site,
        order: &AgentOrder,
        number: u32,
    ) -> std::result::Result<Try, Judged> {
        let variables = surroundings::variables(site, &surroundings::data(site, &self.order.data));
        let log = site.scratch.join(AGENT_LOG);
        let ended =
            child::run(site, order, &variables, &log).map_err(|trouble| troubled(&trouble))?;
        let left = artifacts::left(&site.outbox());
        self.line.add(&left, &self.order.plan.arms[0]);
        let is_last = number == site.task.tries;
        let name = |stem: &str, end: &str| {
            if is_last { format!("{stem}.{end}") } else { format!("{stem}-{number}.{end}") }
        };
        let _ = artifacts::keep_try(site, &self.order.artifacts, &self.secrets, &name);
        let judged = match ended {
            ChildEnd::Stopped => {
                unscored(Stop::Interrupted, error("interrupted", "the run was ended by a signal"))
            }
            ChildEnd::Late if !left.turn.is_object() => {
                let what = "the agent's process was killed some time after its limits";
                unscored(Stop::ServerError, error("late", what))
            }
            _ => judge(&left, site.task.limits.wall_s),
        };
        if (self.is_stopped)() && judged.stop != Stop::Interrupted {
            let what = "the run was ended by a signal";
            return Err(unscored(Stop::Interrupted, error("interrupted", what)));
        }
        Ok(Try { judged, left })
    }

    /// The answer of the agent, which is kept whatever becomes of it.
    fn take_answer(
        &mut self,
        site: &Site,
        workspace: &Workspace,
    ) -> std::result::Result<Answer, Judged> {
        let answer = workspace.take_answer(site).map_err(|trouble| troubled(&trouble))?;
        (self.line.diff_added, self.line.diff_removed) = (Some(answer.added), Some(answer.removed));
        let _ = self.secrets.copy(&[&answer.patch], &self.order.artifacts.join("answer.patch"));
        Ok(answer)
    }

    /// Keeps what does not count although it is in the agent's tree, or was there from the first.
    fn keep_notes(&self, workspace: &Workspace, answer: &Answer, graded: &Graded) {
        let ignored = workspace.ignored().iter();
        let ignored = ignored.map(|path| format!("{path:?} ignored by git from the beginning"));
        let all = answer.notes.iter().chain(&graded.notes).cloned().chain(ignored);
        let lines: Vec<String> = all.take(MOST_NOTES).collect();
        if !lines.is_empty() {
            let text = format!("{}\n", self.secrets.mask(&lines.join("\n")));
            // Like all artifacts it is an extra; its lack changes no result.
            let _ = fs::write(self.order.artifacts.join("notes.txt"), text);
        }
    }

    /// Takes what a check said.
    fn note(&mut self, graded: &Graded, number: u32) {
        let line = &mut self.line;
        line.result = graded.result;
        line.score = graded.score;
        line.metrics = graded.metrics.clone();
        line.check_exit = graded.exit;
        line.check_ms = graded.check_ms;
        line.passed_at = (graded.result == RunResult::Pass).then_some(number);
        if let Some(why) = &graded.error {
            line.stop = stop_of(why);
            line.error = Some(why.clone());
        }
    }

    /// What the agent is told after a check that failed; `None` if it has used up what it may use,
    /// or if its conversation is not known.
    fn next_order(
        &self,
        before: &AgentOrder,
        left: &Left,
        output: Option<&Path>,
    ) -> Option<AgentOrder> {
        let conversation = left.turn["conversation"].as_str()?.to_string();
        let of = |limit: f64, used: f64| Some(limit - used).filter(|rest| *rest > 0.0);
        let seconds = |ms: Option<u64>| ms.unwrap_or(0) as f64 / 1000.0;
        let all = &self.order.plan.tasks[0].limits;
        let mut limits = before.limits;
        limits.wall_s = of(all.wall_s, seconds(self.line.agent_ms))?;
        if let Some(limit) = all.working_s {
            limits.working_s = Some(of(limit, seconds(self.line.working_ms))?);
        }
        if let Some(limit) = all.cost_usd {
            limits.cost_usd = Some(of(limit, self.line.cost_usd.unwrap_or(0.0))?);
        }
        if let Some(limit) = all.steps {
            let rest = limit.saturating_sub(self.line.steps.unwrap_or(0));
            limits.steps = Some(rest).filter(|rest| *rest > 0);
            limits.steps?;
        }
        let said = output.and_then(|path| fs::read(path).ok()).unwrap_or_default();
        let tail = &said[said.len().saturating_sub(TAIL)..];
        let tail = String::from_utf8_lossy(tail).trim().to_string();
        let prompt = if tail.is_empty() { NO_OUTPUT.into() } else { tail };
        Some(AgentOrder {
            conversation: Some(conversation),
            prompt: Some(prompt),
            limits,
            ..before.clone()
        })
    }
}

/// The prompt after a check that failed and printed nothing.
const NO_OUTPUT: &str = "The check failed and printed nothing.";

fn unscored(stop: Stop, error: LineError) -> Judged {
    Judged { stop, scored: false, error: Some(error) }
}

/// Removes the files (not the directories) of a directory: what a check printed, what another try
/// left. The agent of the next try can look there, and what that try does not write anew would be
/// taken for its own. All that counts is among the artifacts.
fn forget_files(scratch: &Path) {
    // An agent may have put a link there.
    if !fs::symlink_metadata(scratch).is_ok_and(|found| found.is_dir()) {
        return;
    }
    for entry in fs::read_dir(scratch).into_iter().flatten().flatten() {
        // This fails for directories, which stay.
        let _ = fs::remove_file(entry.path());
    }
}

/// What trouble with tree or check means for the run.
fn troubled(trouble: &Trouble) -> Judged {
    let stop = match trouble.kind {
        TroubleKind::Setup => Stop::SetupError,
        TroubleKind::Check | TroubleKind::TaskChanged => Stop::CheckError,
        // A full disk is the fault of no run, and every other run would have it as well.
        TroubleKind::Stopped | TroubleKind::DiskFull => Stop::Interrupted,
    };
    unscored(stop, trouble.line())
}

/// The same for an error of a check.
fn stop_of(why: &LineError) -> Stop {
    match why.name.as_str() {
        "interrupted" | DISK_FULL => Stop::Interrupted,
        "setup" => Stop::SetupError,
        _ => Stop::CheckError,
    }
}
