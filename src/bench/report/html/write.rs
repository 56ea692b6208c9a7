//! Writes a report: the pages of all runs, one after the other, and then those of the nights.

use std::path::{Path, PathBuf};

use super::folder::{self, Folder, INDEX, RUNS, way};
use super::night::NightPage;
use super::nights::Nights;
use super::run::RunPage;
use crate::bench::batch::{Directory, ledger_of};
use crate::bench::night::Night;
use crate::bench::report::Report;
use crate::error::{Error, Result};

/// Writes pages about nights into a directory, and returns the page that a reader opens first: that
/// of the newest night. `nights` are those of the report, in its order.
pub fn write(out: &Path, report: &Report, nights: &[Night]) -> Result<PathBuf> {
    let mut folder = Folder::open(out)?;
    let night_of = |at: usize| {
        if at + 1 == nights.len() { INDEX.into() } else { folder::night(at + 1) }
    };
    for (at, night) in nights.iter().enumerate() {
        write_runs(&mut folder, &night.directory, &format!("../{}", night_of(at)))?;
    }
    let mut index = String::new();
    for (at, night) in nights.iter().enumerate() {
        let page_of = |id: &str| folder.has_run(id).then(|| format!("{RUNS}/{id}.html"));
        let this = Nights { report, at, night_of: &night_of };
        let html = NightPage { nights: this, night, page_of: &page_of }.to_html();
        if at + 1 == nights.len() {
            index = html;
        } else {
            folder.put_night(at + 1, &html)?;
        }
    }
    folder.finish(&index)
}

/// Writes the page of every run of a batch that was attempted. `index` leads from there to the page
/// of the night.
fn write_runs(folder: &mut Folder, batch: &Path, index: &str) -> Result<()> {
    let directory = Directory::open(batch)?;
    let plan = directory.plan()?;
    let ledger = ledger_of(&directory, &plan)?;
    let batch = batch
        .canonicalize()
        .map_err(|error| Error::failed(format!("cannot read {}: {error}", batch.display())))?;
    let to_batch = way(&folder.path.join(RUNS), &batch);
    for run in &ledger.runs {
        let attempts: Vec<_> = ledger.lines.attempts(&run.id).collect();
        if attempts.is_empty() {
            continue;
        }
        let (task, arm) = (&plan.tasks[run.task], &plan.arms[run.arm]);
        let page = RunPage {
            batch: &batch,
            to_batch: &to_batch,
            index: Some(index),
            task: &task.id,
            arm: &arm.id,
            repeat: run.repeat,
            prompt: &arm.prompt.replace("{instruction}", &task.instruction),
            attempts,
        };
        folder.put_run(&run.id, &page.to_html())?;
    }
    Ok(())
}
