//! `bench check`: whether the tasks of a plan are sound.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::prove::result_file;
use crate::bench::bound::bound_to_us;
use crate::bench::plan::Plan;
use crate::bench::program::end_marked;
use crate::bench::room;
use crate::bench::site::MARK;
use crate::bench::task::Task;
use crate::bench::workspace;
use crate::error::{Error, Result};
use crate::runner::Signals;
use crate::runner::programs::{Handle, wait_any};
use crate::units::{Deadline, TICK};

/// What a look needs beyond the limits of its task: to copy, to take answers, to end.
const LOOK_GRACE: Duration = Duration::from_secs(120);

/// How long the processes have to end after a signal.
const CLOSING: Duration = Duration::from_secs(8);

/// How often and where tasks are tried.
pub struct SoundOptions {
    /// How often each task is tried.
    pub repeats: u32,
    /// How many tries go on at once.
    pub jobs: usize,
    /// The directory for private directories.
    pub scratch: PathBuf,
}

/// What was found out about a task.
pub struct Soundness {
    /// The task's id.
    pub task: String,
    /// Whether its check fails on the template and passes with the solution, each time.
    pub is_sound: bool,
    /// How often it was tried.
    pub tried: u32,
    /// How often the check failed on the template, as it should.
    pub pristine_failed: u32,
    /// How often it passed with the solution; `None` if there is none.
    pub solution_passed: Option<u32>,
    /// The longest that the check took.
    pub check_ms: u64,
    /// Why it is not sound.
    pub problems: Vec<String>,
    /// What its author should know.
    pub warnings: Vec<String>,
}

/// One try that goes on.
struct Look {
    task: usize,
    child: Child,
    handle: Option<Handle>,
    order: PathBuf,
    scratch: PathBuf,
    deadline: Deadline,
}

/// The tries of one task.
#[derive(Default)]
struct Tries {
    looks: Vec<Value>,
    broken: Vec<String>,
}

/// Tries each task of a plan `repeats` times, and tells `done` of each task as soon as it is known.
pub fn check(
    plan: &Plan,
    options: &SoundOptions,
    signals: &Signals,
    done: &mut dyn FnMut(&Soundness) -> Result<()>,
) -> Result<Vec<Soundness>> {
    let all = 0..options.repeats;
    let mut due: VecDeque<(u32, usize)> =
        all.flat_map(|repeat| (0..plan.tasks.len()).map(move |task| (repeat, task))).collect();
    // A task without a check can be neither sound nor unsound.
    due.retain(|(_, task)| !plan.tasks[*task].check.is_empty());
    let mut tries: Vec<Tries> = plan.tasks.iter().map(|_| Tries::default()).collect();
    let mut looks: Vec<Look> = Vec::new();
    let mut result = Ok(());
    while result.is_ok() && !(due.is_empty() && looks.is_empty()) {
        while looks.len() < options.jobs
            && let Some((repeat, task)) = due.pop_front()
        {
            match Look::start(plan, task, repeat, options) {
                Ok(look) => looks.push(look),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        let handles: Vec<&Handle> = looks.iter().filter_map(|look| look.handle.as_ref()).collect();
        wait_any(&handles, TICK);
        if let Some(code) = signals.received() {
            result = Err(Error::new(code, "bench check was interrupted"));
        }
        let mut at = 0;
        while at < looks.len() {
            if !looks[at].has_ended() {
                at += 1;
                continue;
            }
            let look = looks.swap_remove(at);
            let task = look.task;
            let lack = look.close(&mut tries[task]).filter(|_| result.is_ok());
            if let Some(why) = lack {
                result = Err(Error::failed(room::full(&options.scratch, &why))
                    .hint("--scratch names another directory"));
            } else if tries[task].count() == options.repeats && result.is_ok() {
                result = done(&sum(&plan.tasks[task], &tries[task]));
            }
        }
    }
    end(looks);
    result?;
    Ok(plan.tasks.iter().zip(&tries).map(|(task, tries)| sum(task, tries)).collect())
}

/// Ends what still goes on after an error or a signal.
fn end(mut looks: Vec<Look>) {
    for look in &looks {
        let _ = look.handle.as_ref().map(Handle::terminate);
    }
    let deadline = Deadline::after(CLOSING);
    while !looks.iter_mut().all(|look| matches!(look.child.try_wait(), Ok(Some(_)) | Err(_)))
        && !deadline.expired()
    {
        let handles: Vec<&Handle> = looks.iter().filter_map(|look| look.handle.as_ref()).collect();
        wait_any(&handles, deadline.remaining(TICK));
    }
    for look in looks {
        look.close(&mut Tries::default());
    }
}

impl Look {
    fn start(plan: &Plan, task: usize, repeat: u32, options: &SoundOptions) -> Result<Look> {
        let name = crate::random::id().simple().to_string();
        let order = options.scratch.join(format!("{name}.order"));
        let scratch = options.scratch.join(&name);
        let shown = options.scratch.display();
        let failed =
            |error: std::io::Error| Error::failed(format!("cannot try a task in {shown}: {error}"));
        // A plan must have an arm; none is run here.
        let text = json!({"plan": plan.narrowed(task, 0).to_json(), "scratch": scratch,
                          "is_first": repeat == 0});
        let mut new = File::options();
        let new = new.write(true).create_new(true).mode(0o600);
        let write = |path: &Path, text: &str| {
            let file = new.open(path)?;
            std::io::Write::write_all(&mut &file, text.as_bytes()).map(|()| file)
        };
        write(&order, &text.to_string()).map_err(failed)?;
        let words = write(&order.with_extension("words"), "").map_err(failed)?;
        let mut command = Command::new("/proc/self/exe");
        command.args(["bench", "prove"]).arg(&order).args(bound_to_us()).env(MARK, &name);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words);
        // A Ctrl-C at the terminal reaches this process, which asks the others to end.
        command.process_group(0);
        let child = command.spawn().map_err(failed)?;
        let handle = Handle::of_child(&child);
        let deadline = Deadline::after(longest(&plan.tasks[task]));
        Ok(Look { task, child, handle, order, scratch, deadline })
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None)) || self.deadline.expired()
    }

    /// Takes what it found, ends what is left of it and removes its files. What it found on a full
    /// disk says nothing of the task: then what failed there is returned.
    fn close(mut self, tries: &mut Tries) -> Option<String> {
        let _ = self.child.kill();
        let ended = self.child.wait();
        let mark = self.scratch.file_name().unwrap_or_default().to_string_lossy();
        end_marked(&mark, Deadline::after(CLOSING));
        let is_full = self.scratch.parent().is_some_and(room::is_full);
        let _ = workspace::remove(&self.scratch);
        let result = fs::read_to_string(result_file(&self.order)).ok();
        let found: Option<Value> = result.and_then(|text| serde_json::from_str(&text).ok());
        let mut lack = None;
        match found {
            Some(found) if found["full"].is_string() => {
                lack = found["full"].as_str().map(String::from);
            }
            Some(found) => tries.looks.push(found),
            None if is_full => lack = Some("the process that ran the check left no result".into()),
            None => {
                let words = fs::read_to_string(self.order.with_extension("words"));
                let words = words.unwrap_or_default();
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                tries.broken.push(format!(
                    "the process that ran the check was ended ({how}); a check must not kill what \
                     it did not start {}",
                    words.trim()
                ));
            }
        }
        for extension in ["order", "words", "half", "result"] {
            let _ = fs::remove_file(self.order.with_extension(extension));
        }
        lack
    }
}

/// The longest that a look at a task can take: the check runs up to five times with a control.
fn longest(task: &Task) -> Duration {
    let limits = &task.limits;
    let all = 10.0 * (limits.setup_s + limits.check_s) + 4.0 * limits.wall_s;
    Duration::try_from_secs_f64(all).unwrap_or(Duration::MAX).saturating_add(LOOK_GRACE)
}

impl Tries {
    fn count(&self) -> u32 {
        (self.looks.len() + self.broken.len()) as u32
    }
}

/// What the tries of a task say.
fn sum(task: &Task, tries: &Tries) -> Soundness {
    let tried = tries.count();
    let results = |what: &str, result: &str| {
        tries.looks.iter().filter(|look| look[what]["result"] == result).count() as u32
    };
    let mut problems: Vec<String> = tries.broken.first().cloned().into_iter().collect();
    let troubles = tries.looks.iter().filter_map(|look| look["trouble"].as_str());
    problems.extend(troubles.map(String::from).take(1));
    let passed = results("pristine", "pass");
    let unscored = tries.looks.iter().find(|look| look["pristine"]["result"] == "unscored");
    if passed > 0 {
        problems.push(format!("{} before anything is solved", share("passes", passed, tried)));
    } else if let Some(look) = unscored {
        let why = look["pristine"]["error"].as_str().unwrap_or_default();
        problems.push(format!("cannot be checked before anything is solved: {why}"));
    }
    let solved = task.solution.is_some().then(|| results("solution", "pass"));
    if let Some(passed) = solved
        && passed < tried
        && let Some(look) = tries
            .looks
            .iter()
            .find(|look| !look["solution"].is_null() && look["solution"]["result"] != "pass")
    {
        problems.push(unsolved(&look["solution"], tried - passed, tried));
    }
    let mut warnings: Vec<String> = Vec::new();
    for warning in tries.looks.iter().filter_map(|look| look["warnings"].as_array()).flatten() {
        let warning = warning.as_str().unwrap_or_default().to_string();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    warnings.extend(missing(task).map(String::from));
    let times = tries.looks.iter().flat_map(|look| [&look["pristine"], &look["solution"]]);
    Soundness {
        task: task.id.clone(),
        is_sound: problems.is_empty(),
        tried,
        pristine_failed: results("pristine", "fail"),
        solution_passed: solved,
        check_ms: times.filter_map(|look| look["check_ms"].as_u64()).max().unwrap_or(0),
        problems,
        warnings,
    }
}

fn missing(task: &Task) -> Option<&'static str> {
    if task.check.is_empty() {
        return Some("has no check: its runs are ungraded");
    }
    task.solution.is_none().then_some(
        "has no solution: nothing shows that it can be solved, a check that ends with 75, 126 or \
         127 leaves a run unscored, and one that is ended by a signal or its limit fails it",
    )
}

/// What is said of a solution that does not pass.
fn unsolved(look: &Value, failed: u32, tried: u32) -> String {
    let how = match (look["error"].as_str(), look["exit"].as_i64()) {
        (Some(error), _) => error.to_string(),
        (None, Some(status)) => format!("status {status}"),
        (None, None) => "its limit".into(),
    };
    let output = look["output"].as_str().unwrap_or_default();
    let output = if output.is_empty() { String::new() } else { format!("\n{output}") };
    format!("{} with its solution ({how}){output}", share("fails", failed, tried))
}

/// "passes", or "is flaky: passes 3 of 10 times (30 %)".
fn share(what: &str, count: u32, tried: u32) -> String {
    if count == tried {
        return what.into();
    }
    let percent = f64::from(count) * 100.0 / f64::from(tried);
    format!("is flaky: {what} {count} of {tried} times ({percent:.0} %)")
}

impl Soundness {
    /// As `--json` shows it.
    pub fn to_json(&self) -> Value {
        json!({"task": self.task, "sound": self.is_sound, "tried": self.tried,
               "pristine_failed": self.pristine_failed, "solution_passed": self.solution_passed,
               "check_ms": self.check_ms, "problems": self.problems, "warnings": self.warnings})
    }
}
