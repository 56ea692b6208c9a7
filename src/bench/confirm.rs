//! A second night for candidates that alarmed: a comparison that is made every night alarms by
//! chance now and then, and hardly ever twice in a row.

use std::path::{Path, PathBuf};

use super::batch::{self, BatchOptions, BatchWatcher, Directory, Ended, Left, Selection, Trees};
use super::night::Night;
use super::plan::Plan;
use super::schedule::Shard;
use super::verdict::{Chosen, Question, Side, Verdict, Word, judge};
use crate::error::{Error, Result};
use crate::runner::Context;

/// Where and how the second night runs.
#[derive(Clone, Debug)]
pub struct SecondNight {
    /// Its directory, which is a batch of its own. A part of it may be there already.
    pub directory: PathBuf,
    /// How many runs may go on at once.
    pub jobs: u32,
    /// Where working trees are.
    pub scratch: Option<PathBuf>,
}

/// A comparison that may have to be confirmed.
pub struct Doubt<'a> {
    /// What was compared.
    pub chosen: &'a Chosen,
    /// How.
    pub question: &'a Question,
    /// Where the second night runs.
    pub second: &'a SecondNight,
}

/// Runs base and alarmed arms again and changes the verdict to what both nights say. Returns how
/// the batch ended if it was left before its end: then there is no second verdict, and the same
/// command goes on. Nothing runs without an alarm, and nothing is run twice.
pub fn confirm(
    context: &Context,
    verdict: &mut Verdict,
    doubt: &Doubt,
    watcher: &mut dyn BatchWatcher,
) -> Result<Option<Ended>> {
    let Doubt { chosen, question, second } = doubt;
    let base = chosen.base();
    if chosen.candidates().iter().any(|side| side.night.directory != base.night.directory) {
        return Err(Error::usage("--confirm needs base and candidates of one directory")
            .hint("only then one plan has them all, to run them again"));
    }
    let alarmed = verdict.candidates.iter().filter(|one| one.verdict == Word::Regression);
    let mut arms: Vec<&str> = alarmed.map(|one| one.side.arm.as_str()).collect();
    if arms.is_empty() {
        return Ok(None);
    }
    arms.push(base.id());
    let plan = base.night.plan.with_arms(&arms);
    if !is_finished(&second.directory, &plan, base.night)? {
        let options = BatchOptions {
            output: second.directory.clone(),
            batch: crate::random::id().simple().to_string(),
            scheduled: None,
            jobs: second.jobs,
            shard: Shard::WHOLE,
            selection: Selection::default(),
            rerun: None,
            trees: Trees::Fail,
            scratch: second.scratch.clone(),
        };
        let ended = batch::run(context, &plan, &options, watcher)?;
        if ended.left != Left::Nothing {
            return Ok(Some(ended));
        }
    }
    let night = Night::read(&second.directory)?;
    let side = |id: &str| night.arm(id).map(|arm| Side { night: &night, arm });
    let again = arms.iter().filter(|arm| **arm != base.id()).filter_map(|arm| side(arm));
    let again: Vec<Side> = again.collect();
    let base = side(base.id()).ok_or_else(|| Error::failed("the second night has no base"))?;
    verdict.confirm(judge(question, base, &again)?);
    Ok(None)
}

/// Whether the second night is over. What is there must be one of this plan, and of this first
/// night: a directory that an older alarm was confirmed in would confirm each later one.
fn is_finished(path: &Path, plan: &Plan, first: &Night) -> Result<bool> {
    if !path.join("batch.json").exists() {
        return Ok(false);
    }
    let refused = |why: &str| {
        let message = format!("{} is not a second night of these arms: {why}", path.display());
        Err(Error::usage(message).hint("name a directory that is not there yet"))
    };
    let directory = Directory::open(path)?;
    let found = directory.plan()?;
    if directory.batch == first.batch {
        return refused("it is the first one");
    }
    if found.sha256 != plan.sha256 {
        return refused("its plan is another one");
    }
    let began = Night::read(path)?.started_ms();
    if began.is_some_and(|began| Some(began) < first.started_ms()) {
        return refused("it began before the first one");
    }
    Ok(batch::is_finished(&batch::ledger_of(&directory, &found)?))
}
