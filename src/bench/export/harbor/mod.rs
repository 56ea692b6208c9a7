//! Directories of jobs as Harbor writes them: `harbor view` opens what is exported. Each arm is a
//! job and each run a trial, because Harbor compares jobs.

mod job;
mod times;
mod trial;
mod uuid;

use std::collections::BTreeSet;

use super::folder::NewFolder;
use super::taken::{Lack, Made, Taken};
use crate::bench::plan::Plan;
use crate::error::Result;
use job::Job;
use trial::Trial;

/// How much of a task's id is in the name of a trial, in characters.
const LONGEST_TASK: usize = 32;

/// How many characters tell trials of one task apart.
const MARK: usize = 7;

/// All jobs of an export.
pub struct Jobs<'a> {
    plan: &'a Plan,
    folder: &'a NewFolder,
    /// In the order of the plan's arms.
    jobs: Vec<Job>,
    /// The names of trials.
    names: BTreeSet<String>,
}

impl<'a> Jobs<'a> {
    /// No trial yet.
    pub fn new(plan: &'a Plan, folder: &'a NewFolder) -> Jobs<'a> {
        let jobs = plan.arms.iter().map(|_| Job::default()).collect();
        Jobs { plan, folder, jobs, names: BTreeSet::new() }
    }

    /// Writes the trial of a run.
    pub fn add(&mut self, taken: &Taken) -> Result<std::result::Result<Made, Lack>> {
        let name = self.name(taken);
        let place = format!("{}/{name}", taken.arm.id);
        let trial = Trial { taken, name: &name, place: &place, dataset: &self.plan.name };
        let (times, notes) = trial.write(self.folder)?;
        self.jobs[taken.run.arm].count(taken, name, times);
        Ok(Ok(Made { file: place, notes }))
    }

    /// Writes what is said of the jobs as wholes.
    pub fn finish(self, batch: &str) -> Result<()> {
        for (job, arm) in self.jobs.iter().zip(&self.plan.arms) {
            job.write(self.folder, (self.plan, arm), batch)?;
        }
        Ok(())
    }

    /// A name for a trial: the task, and as much of the run's id as tells it from all others.
    fn name(&mut self, taken: &Taken) -> String {
        let task: String = taken.task.id.chars().take(LONGEST_TASK).collect();
        let id = &taken.run.id;
        let marks = (0..=id.len().saturating_sub(MARK)).filter_map(|at| id.get(at..at + MARK));
        let mut names = marks.map(|mark| format!("{task}__{mark}"));
        let free = names.find(|name| !self.names.contains(name));
        let name = free.unwrap_or_else(|| format!("{task}__{:07x}", self.names.len()));
        self.names.insert(name.clone());
        name
    }
}
