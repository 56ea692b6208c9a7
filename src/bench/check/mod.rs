//! Checks an answer in a fresh copy of the task, where nothing else of the agent is.

mod fresh;
pub mod prove;
mod score;
pub mod sound;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::program::{self, End, Program};
use super::results::line::{LineError, RunResult};
use super::site::{Site, Trouble, TroubleKind};
use super::task::Template;
use super::workspace::{self, Answer, Command, Copy, Workspace};
use super::wrap;
use fresh::Protected;

/// The variable that names the file for a check's score.
const SCORE_FILE: &str = "OCCTL_SCORE_FILE";

/// What a check said of an answer.
pub struct Graded {
    /// `Ungraded` if the task has no check.
    pub result: RunResult,
    /// The check's status; 128 + N for signal N; `None` if it did not end by itself.
    pub exit: Option<i32>,
    /// From 0 to 1; `None` if it is not scored.
    pub score: Option<f64>,
    /// What the check measured.
    pub metrics: BTreeMap<String, Value>,
    /// How long the check ran.
    pub check_ms: Option<u64>,
    /// What it printed, bounded, below the run's directory; `None` if it did not run.
    pub output: Option<PathBuf>,
    /// Why there is no result; the kinds are those of `Trouble`.
    pub error: Option<LineError>,
    /// What was dropped of the answer, in words.
    pub notes: Vec<String>,
}

/// How a check ended, as far as it matters for the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Status 0.
    Passed,
    /// Any other status.
    Failed,
    /// It says itself that it could not check (75), or it could not be started (126, 127).
    Unable,
    /// A signal ended it, or the deadline.
    Cut,
    /// The run was to end.
    Stopped,
}

/// What is brought into the fresh copy.
enum Work<'a> {
    Answer(&'a Answer),
    Solution(&'a Path),
}

/// One execution of the check.
struct Seen {
    class: Class,
    exit: Option<i32>,
    said: String,
    took_ms: u64,
    measured: score::Measured,
    notes: Vec<String>,
}

/// Checks an answer. May be called again after another try.
pub fn grade(site: &Site, workspace: &Workspace, answer: &Answer) -> Graded {
    let mut graded = Graded {
        result: RunResult::Ungraded,
        exit: None,
        score: None,
        metrics: BTreeMap::new(),
        check_ms: None,
        output: None,
        error: None,
        notes: Vec::new(),
    };
    if site.task.check.is_empty() {
        return graded;
    }
    graded.result = RunResult::Unscored;
    let output = site.scratch.join("check.txt");
    match execute(site, workspace, &Work::Answer(answer), &output) {
        Err(trouble) => graded.error = Some(trouble.line()),
        Ok(seen) => {
            graded.output = Some(output);
            judge(site, workspace, seen, &mut graded);
        }
    }
    graded
}

/// Decides what an execution says of the answer.
fn judge(site: &Site, workspace: &Workspace, seen: Seen, graded: &mut Graded) {
    graded.exit = seen.exit;
    graded.check_ms = Some(seen.took_ms);
    graded.notes = seen.notes;
    let unscored = |kind, message: String| Some(Trouble::new(kind, message).line());
    match seen.class {
        Class::Passed => graded.result = RunResult::Pass,
        Class::Failed => graded.result = RunResult::Fail,
        Class::Stopped => {
            graded.error = unscored(TroubleKind::Stopped, "the run was to end".into());
            return;
        }
        Class::Unable | Class::Cut => match &site.task.solution {
            Some(solution) => match passes_with(site, workspace, solution) {
                Ok(()) => graded.result = RunResult::Fail,
                Err(trouble) => {
                    let also = format!("the check {}; {}", seen.said, trouble.message);
                    graded.error = unscored(trouble.kind, also);
                    return;
                }
            },
            None if seen.class == Class::Cut => graded.result = RunResult::Fail,
            None => {
                let alone = "the task has no solution that would show whose fault it is";
                graded.error =
                    unscored(TroubleKind::Check, format!("the check {}; {alone}", seen.said));
                return;
            }
        },
    }
    let passed = graded.result == RunResult::Pass;
    // Another end is no moment at which a check has finished its file.
    let counts = passed || graded.exit == Some(1);
    graded.score = Some(if passed { 1.0 } else { 0.0 });
    if counts {
        graded.score = seen.measured.score.or(graded.score);
        graded.metrics = seen.measured.metrics;
    }
}

/// Whether the check passes with the solution: then it is the answer that makes it end otherwise.
fn passes_with(site: &Site, workspace: &Workspace, solution: &Path) -> Result<(), Trouble> {
    let output = site.scratch.join("control.txt");
    let seen = execute(site, workspace, &Work::Solution(solution), &output)?;
    match seen.class {
        Class::Passed => Ok(()),
        Class::Stopped => Err(Trouble::new(TroubleKind::Stopped, "the run was to end")),
        _ => {
            let message = format!("with the task's solution it {} as well", seen.said);
            Err(Trouble::new(TroubleKind::Check, message))
        }
    }
}

/// Makes a fresh copy, brings the work into it and runs the check. The copy is removed.
fn execute(
    site: &Site,
    workspace: &Workspace,
    work: &Work,
    output: &Path,
) -> Result<Seen, Trouble> {
    let all = site.scratch.join("check");
    let remove = || {
        workspace::remove(&all)
            .map_err(Trouble::because(TroubleKind::Check, "the checked copy cannot be removed"))
    };
    remove()?;
    let seen =
        in_copy(site, workspace, work, (&all, output)).map_err(|trouble| match trouble.kind {
            TroubleKind::Setup => Trouble { kind: TroubleKind::Check, ..trouble },
            _ => trouble,
        });
    remove()?;
    seen
}

fn in_copy(
    site: &Site,
    workspace: &Workspace,
    work: &Work,
    (all, output): (&Path, &Path),
) -> Result<Seen, Trouble> {
    site.expect_unchanged()?;
    let places = Copy {
        tree: &all.join("tree"),
        home: &all.join("home"),
        temporary: &all.join("tmp"),
        for_agent: false,
    };
    workspace.fresh(site, &places)?;
    let program = program(site, places.tree);
    let protected = Protected::of(site, program.template);
    let notes = match work {
        Work::Answer(answer) => fresh::put(site, answer, places.tree, &protected)?,
        Work::Solution(solution) => {
            solve(site, &places, solution)?;
            Vec::new()
        }
    };
    if let Some(hidden) = &site.task.hidden {
        fresh::lay_over(site, hidden, places.tree)?;
    }
    let mut words: Vec<OsString> = site.task.check.iter().map(Into::into).collect();
    if let Some(path) = program.path {
        words[0] = path.into();
    }
    let seen = check(site, &places, &words, output)?;
    Ok(Seen { notes: [notes, seen.notes].concat(), ..seen })
}

/// Lays a solution over a tree, or runs its program there. With `wrap` the program runs where the
/// check does, for it needs what the check needs, and it is a copy in the run's directory, because
/// nothing else can be seen there.
pub fn solve(site: &Site, places: &Copy, solution: &Path) -> Result<(), Trouble> {
    let script = solution.join("solve.sh");
    let Ok(about) = fs::metadata(&script) else {
        return fresh::lay_over(site, solution, places.tree);
    };
    let is_program = about.permissions().mode() & 0o111 != 0;
    let words = |script: PathBuf| -> Vec<OsString> {
        if is_program { vec![script.into()] } else { vec!["sh".into(), script.into()] }
    };
    let limit_s = site.task.limits.wall_s;
    if site.plan.wrap.is_empty() {
        let words = words(script);
        let command = Command { name: "solve.sh", words: &words, limit_s, wrapped: None };
        return workspace::run(site, places, &command);
    }
    let all = places.tree.parent().unwrap_or(places.tree);
    let copy = all.join("solution");
    fresh::lay_over(site, solution, &copy)?;
    let words = words(copy.join("solve.sh"));
    let variables = program::variables(site, places.home, places.temporary);
    let inner = wrap::inside(places.tree, &variables, &words);
    let wrapped = wrap::command(site, all, &wrap::name(site, "solution"), &inner)?;
    let command = Command { name: "solve.sh", words: &words, limit_s, wrapped: Some(&wrapped) };
    let solved = workspace::run(site, places, &command);
    workspace::remove(&copy)
        .map_err(Trouble::because(TroubleKind::Check, "the solution's copy cannot be removed"))?;
    solved
}

/// Where a check's program is.
struct Located {
    /// Absolute, in the copy; `None` if it is looked for in PATH, or absolute as it stands.
    path: Option<PathBuf>,
    /// Its path in the template, where it is from there.
    template: Option<PathBuf>,
}

/// Looks for the check's program in `hidden`, then in the template, before any answer is there.
fn program(site: &Site, tree: &Path) -> Located {
    let name = Path::new(&site.task.check[0]);
    let inner: PathBuf = name.components().filter(|part| part.as_os_str() != ".").collect();
    let is_path = site.task.check[0].contains('/');
    let is_program = |path: &Path| {
        let about = fs::symlink_metadata(path);
        // A plain word means a program of PATH, unless a program of that name is there.
        about.is_ok_and(|about| {
            is_path || about.is_file() && about.permissions().mode() & 0o111 != 0
        })
    };
    if name.is_absolute() {
        return Located { path: None, template: None };
    }
    let in_hidden =
        site.task.hidden.as_ref().is_some_and(|hidden| is_program(&hidden.join(&inner)));
    let in_template = site.task.template != Template::Empty && is_program(&tree.join(&inner));
    let path = (in_hidden || in_template || is_path).then(|| tree.join(&inner));
    Located { path, template: (in_template && !in_hidden).then_some(inner) }
}

/// Runs the check in a copy that is ready.
fn check(site: &Site, places: &Copy, words: &[OsString], output: &Path) -> Result<Seen, Trouble> {
    let all = places.tree.parent().unwrap_or(places.tree);
    let score_file = all.join("score.json");
    let mut variables = program::variables(site, places.home, places.temporary);
    variables.insert(SCORE_FILE.into(), score_file.clone().into());
    let mut words = words.to_vec();
    if !site.plan.wrap.is_empty() {
        words = wrap::inside(places.tree, &variables, &words);
        variables = wrap::variables(site);
    }
    let wrapped = wrap::command(site, all, &wrap::name(site, "check"), &words)?;
    let limit_s = site.task.limits.check_s;
    let ran = program::run(
        site,
        &Program {
            words: &wrapped.words,
            directory: places.tree,
            variables: &variables,
            limit: Duration::try_from_secs_f64(limit_s).unwrap_or(Duration::MAX),
            output,
            end: &|| wrapped.kill(site),
        },
    );
    let ran = ran.map_err(Trouble::because(TroubleKind::Check, "the check cannot be run"))?;
    let (class, exit, said) = class(&ran.end, site);
    let (measured, notes) = match score::read(&score_file) {
        Ok(measured) => (measured, Vec::new()),
        Err(why) => (Default::default(), vec![format!("the score file does not count: {why}")]),
    };
    Ok(Seen { class, exit, said, took_ms: ran.took_ms, measured, notes })
}

/// What an end means. A shell, and a container, tell a signal as 128 and its number.
fn class(end: &End, site: &Site) -> (Class, Option<i32>, String) {
    match end {
        End::Status(0) => (Class::Passed, Some(0), "passed".into()),
        End::Status(status) => {
            let class = match status {
                75 | 126 | 127 => Class::Unable,
                // Programs that start others, as those of wrap do, tell so that they failed.
                125 if !site.plan.wrap.is_empty() => Class::Unable,
                129..=192 => Class::Cut,
                _ => Class::Failed,
            };
            (class, Some(*status), format!("ended with status {status}"))
        }
        End::Signal(signal) => {
            (Class::Cut, Some(128 + signal), format!("was ended by signal {signal}"))
        }
        End::Late => {
            let said = format!("did not end within {} s", site.task.limits.check_s);
            (Class::Cut, None, said)
        }
        End::Stopped => (Class::Stopped, None, "was to end".into()),
        End::NotStarted(error) => {
            let status = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
            let mut said = format!("could not be started: {error}");
            if error.kind() == io::ErrorKind::PermissionDenied {
                said += "; is the file executable?";
            }
            (Class::Unable, Some(status), said)
        }
    }
}
