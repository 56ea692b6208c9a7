//! Results in the formats of other tools: ATIF, Harbor's directory of a job, SWE-bench's
//! predictions.
//!
//! Architecture invariant: no more than one message of one run is in memory, so a night of any
//! size can be exported. What is written appears as a whole, or not at all.

mod atif;
mod counts;
mod folder;
mod harbor;
mod predictions;
mod taken;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::bench::batch::{Directory, Ledger, Selection, ledger_of};
use crate::bench::plan::Plan;
use crate::bench::schedule::Shard;
use crate::error::{Error, Result};
use crate::runner::Context;
use folder::NewFolder;
use harbor::Jobs;
use predictions::Predictions;
use taken::{Lack, Made, Taken};

/// The most runs that are named in each list of [`Exported`]. All are counted.
const MOST_NAMED: usize = 10_000;

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A trajectory for each run.
    Atif,
    /// A job with its trials for each arm.
    Harbor,
    /// Patches for a grader, a file for each arm and repeat.
    Predictions,
}

impl Format {
    /// Their names on the command line.
    pub const NAMES: &'static [&'static str] = &["atif", "harbor", "predictions"];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Format> {
        let all = [Format::Atif, Format::Harbor, Format::Predictions];
        all.into_iter().find(|format| format.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Format::NAMES[self as usize]
    }
}

/// What is exported, and where to.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// In which format.
    pub format: Format,
    /// The directory of a batch.
    pub directory: PathBuf,
    /// The directory that is made.
    pub output: PathBuf,
    /// Which of the runs.
    pub selection: Selection,
}

/// What was exported.
#[derive(Debug, Default)]
pub struct Exported {
    /// The batch's id.
    pub batch: String,
    /// How many runs were written.
    pub written: usize,
    /// How many were left out, by the reason.
    pub left_out: BTreeMap<&'static str, usize>,
    /// The first of those that were written.
    pub runs: Vec<ExportedRun>,
    /// The first of those that were left out.
    pub omitted: Vec<OmittedRun>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRun {
    /// What names it in results.
    pub id: String,
    /// The task's id.
    pub task: String,
    /// The arm's id.
    pub arm: String,
    /// From 1.
    pub repeat: u32,
}

/// A run that was written.
#[derive(Clone, Debug)]
pub struct ExportedRun {
    /// Which one.
    pub run: NamedRun,
    /// The attempt that it is about, from 1.
    pub attempt: u32,
    /// Where it is, below the output.
    pub file: String,
    /// What is missing of it, in words.
    pub notes: Vec<String>,
}

/// A run that was left out.
#[derive(Clone, Debug)]
pub struct OmittedRun {
    /// Which one.
    pub run: NamedRun,
    /// Why, as a word and in words.
    pub why: (&'static str, &'static str),
}

/// Where runs go, one after the other.
enum Writer<'a> {
    Atif,
    Harbor(Jobs<'a>),
    Predictions(Predictions<'a>),
}

/// Exports the chosen runs of a batch, each with its newest attempt.
pub fn export(context: &Context, options: &ExportOptions) -> Result<Exported> {
    let signals = context.catch_signals()?;
    let directory = Directory::open(&options.directory)?;
    let plan = directory.plan()?;
    let ledger = ledger_of(&directory, &plan)?;
    let chosen = options.selection.choose(&plan, &ledger.runs, Shard::WHOLE)?;
    let folder = NewFolder::create(&options.output)?;
    let mut exported = Exported { batch: directory.batch.clone(), ..Exported::default() };
    let mut writer = match options.format {
        Format::Atif => Writer::Atif,
        Format::Harbor => Writer::Harbor(Jobs::new(&plan, &folder)),
        Format::Predictions => Writer::Predictions(Predictions::new(&folder)),
    };
    for place in chosen {
        if let Some(code) = signals.received() {
            return Err(Error::new(code, format!("the export was {}", code.interrupted())));
        }
        add(&mut exported, &mut writer, &folder, (&directory, &plan, &ledger), place)?;
    }
    if exported.written == 0 {
        return Err(nothing(&options.directory.display().to_string(), &exported));
    }
    match writer {
        Writer::Atif => {}
        Writer::Harbor(jobs) => jobs.finish(&directory.batch)?,
        Writer::Predictions(predictions) => predictions.finish()?,
    }
    folder.finish()?;
    Ok(exported)
}

fn add(
    exported: &mut Exported,
    writer: &mut Writer,
    folder: &NewFolder,
    (directory, plan, ledger): (&Directory, &Plan, &Ledger),
    place: usize,
) -> Result<()> {
    let run = &ledger.runs[place];
    let (task, arm) = (&plan.tasks[run.task], &plan.arms[run.arm]);
    let named = || NamedRun {
        id: run.id.clone(),
        task: task.id.clone(),
        arm: arm.id.clone(),
        repeat: run.repeat,
    };
    let made = match ledger.newest(&run.id) {
        None => Err(Lack::NotRun),
        Some(row) => {
            let taken = Taken::of(&directory.path, (task, arm, run), row);
            match writer {
                Writer::Atif => atif::file(&taken, folder)?,
                Writer::Harbor(jobs) => jobs.add(&taken)?,
                Writer::Predictions(predictions) => predictions.add(&taken)?,
            }
            .map(|made| (row.attempt, made))
        }
    };
    match made {
        Ok((attempt, Made { file, notes })) => {
            exported.written += 1;
            if exported.runs.len() < MOST_NAMED {
                exported.runs.push(ExportedRun { run: named(), attempt, file, notes });
            }
        }
        Err(lack) => {
            let why = lack.words();
            *exported.left_out.entry(why.0).or_default() += 1;
            if exported.omitted.len() < MOST_NAMED {
                exported.omitted.push(OmittedRun { run: named(), why });
            }
        }
    }
    Ok(())
}

/// The error that no run can be exported.
fn nothing(shown: &str, exported: &Exported) -> Error {
    let reasons = exported.left_out.iter().map(|(why, count)| format!("{count} {why}"));
    let reasons: Vec<String> = reasons.collect();
    let reasons = if reasons.is_empty() { "no run".into() } else { reasons.join(", ") };
    Error::not_found(format!("{shown} has nothing to export: {reasons}"))
        .hint(format!("occtl bench status {shown}"))
}
