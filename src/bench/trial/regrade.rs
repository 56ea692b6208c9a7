//! Grades one stored answer again, in a process of its own.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bench::check::{Graded, grade};
use crate::bench::plan::Plan;
use crate::bench::results::line::RunResult;
use crate::bench::site::{Site, Trouble};
use crate::bench::workspace::Workspace;
use crate::error::{Error, Result};
use crate::runner::Context;
use crate::runner::programs::become_subreaper;

/// The key that says why there is no verdict.
pub const UNGRADED: &str = "ungraded";

/// Grades the answer that the order names, and leaves its line as `recheck.json` beside it.
pub fn regrade(context: &Context, order: &Path) -> Result<()> {
    let signals = context.catch_signals()?;
    let failed = |error: std::io::Error| Error::failed(format!("cannot grade: {error}"));
    become_subreaper().map_err(failed)?;
    let text = fs::read_to_string(order).map_err(failed)?;
    let mut value: Value = serde_json::from_str(&text)
        .map_err(|error| Error::failed(format!("{}: {error}", order.display())))?;
    let name = order.display().to_string();
    let mut plan = Plan::resolved(value["plan"].take().to_string(), &name)?;
    let word = |key: &str| PathBuf::from(value[key].as_str().unwrap_or_default());
    let (scratch, artifacts) = (word("scratch"), word("artifacts"));
    // The check of today decides, whatever it was when the plan was read.
    for task in &mut plan.tasks {
        task.sha256 = task.hash_now()?;
    }
    let task = plan.tasks.first().ok_or_else(|| Error::failed("an order without a task"))?;
    let site = Site {
        plan: &plan,
        task,
        overlay: plan.arms.first().and_then(|arm| arm.overlay.as_deref()),
        opencode: None,
        scratch: &scratch,
        environment: &context.environment,
        is_alone: true,
        is_stopped: &|| signals.received().is_some(),
    };
    let mut line = value["line"].take();
    match graded(&site, &artifacts) {
        Ok(graded) if graded.result != RunResult::Unscored => fill(&mut line, &graded),
        // Nothing is known anew, so what was known stays.
        Ok(graded) => line = ungraded(graded.error.unwrap_or_default().message),
        Err(trouble) => line = ungraded(trouble.line().message),
    }
    line["recheck_of"] = value["number"].clone();
    line["task_sha256"] = json!(task.sha256);
    if signals.received().is_some() {
        return Ok(());
    }
    fs::write(artifacts.join("recheck.json"), format!("{line}\n")).map_err(failed)
}

/// What is left where the check could not be made.
fn ungraded(why: String) -> Value {
    json!({ UNGRADED: why })
}

fn graded(site: &Site, artifacts: &Path) -> std::result::Result<Graded, Trouble> {
    let workspace = Workspace::create(site)?;
    let answer = workspace.read_answer(site, &artifacts.join("answer.patch"))?;
    Ok(grade(site, &workspace, &answer))
}

fn fill(line: &mut Value, graded: &Graded) {
    line["result"] = json!(graded.result);
    line["score"] = json!(graded.score);
    line["metrics"] = json!(graded.metrics);
    line["check_exit"] = json!(graded.exit);
    line["check_ms"] = json!(graded.check_ms);
    line["error"] = json!(graded.error);
}
