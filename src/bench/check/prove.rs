//! One look at whether a task is sound: its check fails on the template as it is, and passes with
//! the solution. Runs in a process of its own, which a bad check may take with it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Graded, grade, passes_with, solve};
use crate::bench::plan::Plan;
use crate::bench::results::line::RunResult;
use crate::bench::room;
use crate::bench::site::{DISK_FULL, Site, Trouble, TroubleKind};
use crate::bench::workspace::{self, Answer, Copy, Now, Workspace};
use crate::error::{Error, Result};
use crate::runner::programs::become_subreaper;
use crate::runner::{Environment, Signals};

/// How much of a check's output is told.
const TOLD: usize = 1000;

/// An answer that ends the process which loads it, with the status of success.
const LEAVING: &str = "import os\nos._exit(0)\n";

/// Files that Python and pytest load by themselves.
const PLANTED: [&str; 3] = ["conftest.py", "sitecustomize.py", "usercustomize.py"];

/// Where the result of an order is written.
pub fn result_file(order: &Path) -> PathBuf {
    order.with_extension("result")
}

/// Does what an order of `bench check` says, and leaves the result beside it.
pub fn run(environment: &Environment, order: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::failed(format!("{}: {error}", order.display()));
    let text = fs::read_to_string(order).map_err(failed)?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| Error::usage(format!("{}: {error}", order.display())))?;
    let plan = Plan::resolved(value["plan"].to_string(), "the order")?;
    let scratch = PathBuf::from(value["scratch"].as_str().unwrap_or_default());
    let [task] = &plan.tasks[..] else { return Err(Error::usage("an order has one task")) };
    become_subreaper().map_err(failed)?;
    let signals = Signals::catch()?;
    let opencode = environment.opencode(None).ok();
    let site = Site {
        plan: &plan,
        task,
        overlay: None,
        opencode: opencode.as_deref(),
        scratch: &scratch,
        environment,
        is_alone: true,
        is_stopped: &|| signals.received().is_some(),
    };
    let mut found = Found::default();
    if let Err(trouble) = look(&site, value["is_first"] == true, &mut found) {
        found.trouble = Some(trouble);
    }
    // Once the tree is removed there is room again.
    found.full = found.lack_of_room(&scratch);
    let removed = workspace::remove(&scratch);
    let half = order.with_extension("half");
    fs::write(&half, found.to_json().to_string()).map_err(failed)?;
    fs::rename(&half, result_file(order)).map_err(failed)?;
    removed.map_err(failed)
}

/// What was seen.
#[derive(Default)]
struct Found {
    pristine: Value,
    solution: Value,
    warnings: Vec<String>,
    trouble: Option<Trouble>,
    /// What failed because the disk is full: then nothing is known of the task.
    full: Option<String>,
}

impl Found {
    fn to_json(&self) -> Value {
        json!({"pristine": self.pristine, "solution": self.solution, "warnings": self.warnings,
               "trouble": self.trouble.as_ref().map(|trouble| &trouble.message),
               "full": self.full})
    }

    /// What speaks against the task, if the disk has no room and may be the cause of it.
    fn lack_of_room(&self, scratch: &Path) -> Option<String> {
        let is_full = scratch.parent().is_some_and(room::is_full);
        if let Some(trouble) = &self.trouble {
            let full = is_full || trouble.kind == TroubleKind::DiskFull;
            return full.then(|| trouble.message.clone());
        }
        // No check passes because it has no room.
        let wrong = |look: &Value, right: &str| {
            !look.is_null() && look["result"] != right && look["result"] != "pass"
        };
        let looks = [(&self.pristine, "fail"), (&self.solution, "pass")];
        let full = |look: &Value| is_full || look["error_name"] == DISK_FULL;
        let (look, _) = looks.into_iter().find(|(look, right)| wrong(look, right) && full(look))?;
        Some(look["error"].as_str().unwrap_or("its check failed").into())
    }
}

fn look(site: &Site, is_first: bool, found: &mut Found) -> std::result::Result<(), Trouble> {
    let workspace = Workspace::create(site)?;
    let nothing = workspace.take_answer(site)?;
    let graded = grade(site, &workspace, &nothing);
    expect_running(site)?;
    found.pristine = told(&graded);
    let mut modules = Vec::new();
    if let Some(solution) = &site.task.solution {
        let places = Copy {
            tree: &site.tree(),
            home: &site.home(),
            temporary: &site.temporary(),
            for_agent: true,
        };
        solve(site, &places, solution)?;
        let answer = workspace.take_answer(site)?;
        modules = python(&answer);
        let graded = grade(site, &workspace, &answer);
        expect_running(site)?;
        found.solution = told(&graded);
        if graded.result != RunResult::Pass && passes_with(site, &workspace, solution).is_ok() {
            found.warnings.push(
                "the check passes once the solution is laid over, and fails with what of it \
                 leaves the tree as an answer: look at answer, protect, hide and .gitignore"
                    .into(),
            );
        }
    }
    if is_first {
        try_to_cheat(site, modules, &mut found.warnings)?;
    }
    Ok(())
}

/// Gives answers that solve nothing to the check of a Python task, and warns if one passes.
fn try_to_cheat(
    site: &Site,
    modules: Vec<PathBuf>,
    warnings: &mut Vec<String>,
) -> std::result::Result<(), Trouble> {
    let is_python = |word: &String| word.contains("python") || word.contains("pytest");
    let is_python = site.task.check.iter().any(is_python);
    if modules.is_empty() && !is_python {
        return Ok(());
    }
    let passes = |files: &[PathBuf]| {
        let again = Trouble::because(TroubleKind::Setup, "cannot remove a tree");
        workspace::remove(site.scratch).map_err(again)?;
        let workspace = Workspace::create(site)?;
        for file in files {
            let path = site.tree().join(file);
            let write = fs::create_dir_all(path.parent().unwrap_or(&path))
                .and_then(|()| fs::write(&path, LEAVING));
            write.map_err(Trouble::because(TroubleKind::Setup, "cannot write an answer"))?;
        }
        let answer = workspace.take_answer(site)?;
        let graded = grade(site, &workspace, &answer);
        expect_running(site)?;
        Ok(graded.result == RunResult::Pass)
    };
    if !modules.is_empty() && passes(&modules)? {
        warnings.push(
            "an answer that is only os._exit(0) passes: the check loads the answer into its own \
             process and so trusts it; let it run the answer as a child and compare what that \
             prints"
                .into(),
        );
    }
    if passes(&PLANTED.map(PathBuf::from))? {
        warnings.push(
            "a conftest.py or sitecustomize.py of the answer makes the check pass: name in answer \
             the files that may be changed, or put conftest.py into hidden"
                .into(),
        );
    }
    Ok(())
}

/// The Python modules that a solution writes.
fn python(answer: &Answer) -> Vec<PathBuf> {
    let files = answer.entries.iter().filter(|entry| entry.now == Now::File);
    let files = files.filter(|entry| entry.path.as_os_str().as_bytes().ends_with(b".py"));
    files.map(|entry| entry.path.clone()).collect()
}

/// An error if the look is to end: what was seen then is no result.
fn expect_running(site: &Site) -> std::result::Result<(), Trouble> {
    if (site.is_stopped)() {
        return Err(Trouble::new(TroubleKind::Stopped, "the run was to end"));
    }
    Ok(())
}

fn told(graded: &Graded) -> Value {
    let output = graded.output.as_ref().and_then(|path| fs::read(path).ok()).unwrap_or_default();
    let end = &output[output.len().saturating_sub(TOLD)..];
    json!({
        "result": graded.result, "exit": graded.exit, "check_ms": graded.check_ms,
        "error": graded.error.as_ref().map(|error| &error.message),
        "error_name": graded.error.as_ref().map(|error| &error.name),
        "output": String::from_utf8_lossy(end).trim(),
    })
}
