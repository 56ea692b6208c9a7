//! Reads the directory of a batch.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::line::ReportLine;
use super::texts::Texts;
use super::{Counted, Night, NightRun};
use crate::bench::batch::Directory;
use crate::bench::results::file;
use crate::bench::results::line::SCHEMA;
use crate::bench::schedule;
use crate::error::Result;

impl Night {
    /// Reads what the directory of a batch holds. A batch that still goes on is read as far as it
    /// has come.
    pub fn read(path: &Path) -> Result<Night> {
        let directory = Directory::open(path)?;
        let plan = directory.plan()?;
        let runs = schedule::runs(&plan, &directory.batch).into_iter();
        let runs = runs.map(|run| NightRun {
            id: id(&run.id).unwrap_or_default(),
            task: run.task,
            arm: run.arm,
            repeat: run.repeat,
            counts: None,
            spent_usd: None,
            spent_complete: true,
        });
        let runs = runs.collect();
        let mut night = Night {
            directory: path.into(),
            batch: directory.batch.clone(),
            runs: Vec::new(),
            by_arm: Vec::new(),
            plan,
            attempts: 0,
            not_in_plan: 0,
            foreign: 0,
            texts: Texts::default(),
        };
        night.set_runs(runs);
        night.read_lines(path)?;
        Ok(night)
    }

    fn read_lines(&mut self, path: &Path) -> Result<()> {
        let places = self.runs.iter().enumerate().map(|(at, run)| (run.id, at));
        let places: HashMap<[u8; 32], usize> = places.collect();
        let mut seen = HashSet::new();
        let mut strangers = HashSet::new();
        file::each_result(path, &mut |text| {
            let line: Option<ReportLine> = serde_json::from_str(text).ok();
            let line = line.filter(|line| self.is_own(line));
            let run = line.as_ref().and_then(|line| id(&line.run_id));
            let (Some(line), Some(run)) = (line, run) else {
                self.foreign += 1;
                return;
            };
            match places.get(&run) {
                None => {
                    strangers.insert(run);
                }
                // A line that repeats an attempt is not counted twice.
                Some(at) if seen.insert((*at, line.attempt, line.recheck_of)) => {
                    self.take(*at, &line);
                }
                Some(_) => {}
            }
        })?;
        self.not_in_plan = strangers.len();
        Ok(())
    }

    fn is_own(&self, line: &ReportLine) -> bool {
        line.r#type == "result" && line.schema == SCHEMA && line.batch == self.batch
    }

    /// Takes a line: of a run the newest attempt counts, and of that the newest recheck.
    fn take(&mut self, at: usize, line: &ReportLine) {
        let run = &mut self.runs[at];
        if line.recheck_of.is_none() {
            self.attempts += 1;
            run.spent_complete &= line.cost_usd.is_some() && line.usage_complete;
            if let Some(cost) = line.cost_usd.filter(|cost| cost.is_finite()) {
                *run.spent_usd.get_or_insert(0.0) += cost;
            }
        }
        let is_older = |old: &Counted| (old.attempt, old.recheck) < (line.attempt, line.recheck_of);
        if run.counts.as_ref().is_some_and(|old| !is_older(old)) {
            return;
        }
        let started = line.started_at.as_ref();
        let started = started.and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let sum = line.tokens.map(|tokens| tokens.sum());
        run.counts = Some(Counted {
            attempt: line.attempt,
            recheck: line.recheck_of,
            result: line.result,
            stop: line.stop,
            score: line.score.filter(|score| (0.0..=1.0).contains(score)),
            started_ms: started.map(jiff::Timestamp::as_millisecond),
            first_token_ms: line.first_token_ms,
            agent_ms: line.agent_ms,
            took_ms: line.took_ms(),
            steps: line.steps,
            tokens: sum,
            cost_usd: line.cost_usd,
            usage_complete: line.usage_complete,
            jobs: line.jobs,
            version: self.texts.keep(line.opencode_version.as_deref()),
            program: self.texts.keep(line.opencode_sha256.as_deref()),
            host: self.texts.keep(line.host.as_deref()),
            error: self.texts.keep(line.error.as_ref().map(|error| &*error.name)),
        });
    }
}

/// The bytes of an id of 64 hexadecimal digits.
fn id(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(bytes)
}
