//! Makes tasks of other tools into tasks of ours, with a plan that runs them.
//!
//! Architecture invariant: what is read is data of other people. No program of it runs, no link is
//! followed out of a task, and a task is either there as a whole or refused by name.

mod candidate;
mod exercism;
mod harbor;
mod names;
mod order;
mod output;
mod plan;
mod source;
mod swebench;

use std::fs;
use std::path::{Path, PathBuf};

use super::task::read as task;
use crate::error::{Error, Result};
use crate::sorting;
use candidate::{Candidate, Made, Refusal};
pub use order::{Format, ImportOptions, Surroundings};
use output::Output;
use source::write;

/// What came of it.
pub struct Imported {
    /// The plan; `None` if every task was refused, and nothing was written.
    pub plan: Option<PathBuf>,
    /// The tasks that were written.
    pub tasks: Vec<Taken>,
    /// Those that were not.
    pub refused: Vec<Refused>,
    /// What helps with what was refused.
    pub hint: Option<String>,
}

/// A task that was written.
pub struct Taken {
    /// Its id.
    pub id: String,
    /// Its name in the source.
    pub name: String,
    /// What of it works otherwise than where it comes from.
    pub notes: Vec<String>,
}

/// A task that was not written.
pub struct Refused {
    /// Its name in the source.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Writes tasks and a plan into a new directory, which appears when it is complete.
pub fn import(options: &ImportOptions, around: &Surroundings) -> Result<Imported> {
    expect_source(options)?;
    let output = Output::begin(&options.output, &options.source)?;
    let found = match options.format {
        Format::Harbor => harbor::find(&options.source, around)?,
        Format::Exercism => exercism::find(&options.source)?,
        Format::Swebench => swebench::find(options, around)?,
    };
    let mut imported =
        Imported { plan: None, tasks: Vec::new(), refused: Vec::new(), hint: found.hint };
    let mut taken = names::Taken::default();
    let mut workdirs: Vec<String> = Vec::new();
    for candidate in found.candidates {
        around.expect_running()?;
        let id = taken.take(&candidate.id);
        match make(&candidate, &output.task(&id), options.format) {
            Ok(draft) => {
                workdirs.extend(draft.workdir);
                imported.tasks.push(Taken { id, name: candidate.name, notes: draft.notes });
            }
            Err(Refusal::All(error)) => return Err(output.told(error)),
            Err(Refusal::Task(reason)) => {
                taken.give_back(&id);
                output.drop_task(&id)?;
                imported.refused.push(Refused { name: candidate.name, reason });
            }
        }
    }
    if !imported.tasks.is_empty() {
        sorting::sort(&mut workdirs);
        workdirs.dedup();
        plan::write(options, &output, &workdirs).map_err(|error| output.told(error))?;
        around.expect_running()?;
        imported.plan = Some(output.finish()?.join("plan.json"));
    }
    Ok(imported)
}

fn expect_source(options: &ImportOptions) -> Result<()> {
    let shown = options.source.display();
    let about = fs::metadata(&options.source)
        .map_err(|error| Error::not_found(format!("{shown} cannot be read: {error}")))?;
    let is_lines = options.format == Format::Swebench;
    match is_lines {
        true if !about.is_file() => {
            Err(Error::usage(format!("{shown} is no file; SWE-bench has one instance a line")))
        }
        false if !about.is_dir() => {
            let name = options.format.name();
            Err(Error::usage(format!("{shown} is no directory of {name} tasks")))
        }
        _ => Ok(()),
    }
}

/// Writes one task, and reads it as `bench run` will.
fn make(candidate: &Candidate, directory: &Path, format: Format) -> Made {
    fs::create_dir_all(directory).map_err(source::unwritten(directory))?;
    let draft = (candidate.make)(directory)?;
    if draft.instruction.trim().is_empty() {
        return Err(Refusal::Task("its instruction is empty".into()));
    }
    let text = format!("{}\n", draft.instruction.trim_end());
    write(&directory.join("instruction.md"), &text, 0o666)?;
    let keys = serde_json::to_string_pretty(&draft.keys).unwrap_or_default();
    write(&directory.join("task.json"), &format!("{keys}\n"), 0o666)?;
    let read = task::directory(directory, None).map_err(|error| {
        let inside = format!("{}/", directory.display());
        format!("would be no task of {}: {}", format.name(), error.message.replace(&inside, ""))
    });
    read.map_err(Refusal::Task)?;
    Ok(draft)
}
