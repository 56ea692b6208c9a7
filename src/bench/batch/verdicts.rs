//! Verdicts of another grader: lines of JSON, or the report of SWE-bench.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::bench::plan::Plan;
use crate::bench::schedule::Run;
use crate::error::{Error, Result};
use crate::runner::input::{self, Wanted};

/// The largest file of verdicts, in bytes: some hundred thousand lines.
const LARGEST: usize = 64 << 20;

/// How long reading it may take, if it comes through a pipe.
const READ_LIMIT: Duration = Duration::from_secs(300);

/// What the other grader says of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// `pass`, `fail` or `unscored`.
    pub result: String,
    /// From 0 to 1.
    pub score: Option<f64>,
}

/// All that a file says.
#[derive(Debug, Default)]
pub struct Verdicts {
    by_run: BTreeMap<String, Given>,
    /// By task, arm and repeat; no repeat stands for all.
    by_place: BTreeMap<(String, String, Option<u32>), Given>,
}

impl Verdicts {
    /// Reads a file: lines `{"run_id" or "task", "arm", "repeat", "result", "score"?}`, or a report
    /// `{ID: {"resolved": …}}` about one arm.
    pub fn read(path: &Path, arm: Option<&str>, plan: &Plan) -> Result<Verdicts> {
        let shown = input::name(path);
        let wanted = Wanted { what: "the verdicts", most: LARGEST, limit: READ_LIMIT };
        let text = input::read_text(path, wanted)?;
        if let Some(arm) = arm.filter(|arm| plan.arms.iter().all(|one| one.id != *arm)) {
            return Err(Error::usage(format!("the plan has no arm {arm}")));
        }
        if let Ok(Value::Object(report)) = serde_json::from_str(&text)
            && report.values().all(|entry| entry["resolved"].is_boolean())
            && !report.is_empty()
        {
            let arm = match (arm, &plan.arms[..]) {
                (Some(arm), _) => arm,
                (None, [only]) => only.id.as_str(),
                _ => {
                    return Err(Error::usage("a report names no arm").hint("--arm says which"));
                }
            };
            let mut verdicts = Verdicts::default();
            for (task, entry) in report {
                let result = if entry["resolved"] == true { "pass" } else { "fail" };
                let given = Given { result: result.into(), score: None };
                verdicts.by_place.insert((task, arm.into(), None), given.scored());
            }
            return Ok(verdicts);
        }
        let mut verdicts = Verdicts::default();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            verdicts.add(line).ok_or_else(|| {
                let at = number + 1;
                Error::usage(format!("{shown}:{at}: no verdict"))
                    .hint(r#"{"run_id": "…", "result": "pass"}, or task, arm and repeat"#)
            })?;
        }
        Ok(verdicts)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let value: Value = serde_json::from_str(line).ok()?;
        let result = value["result"].as_str()?;
        if !["pass", "fail", "unscored"].contains(&result) {
            return None;
        }
        let score = match &value["score"] {
            Value::Null => None,
            score => Some(score.as_f64().filter(|score| (0.0..=1.0).contains(score))?),
        };
        let given = Given { result: result.into(), score }.scored();
        if let Some(run) = value["run_id"].as_str() {
            self.by_run.insert(run.into(), given);
            return Some(());
        }
        let word = |key: &str| value[key].as_str().map(String::from);
        let repeat = u32::try_from(value["repeat"].as_u64()?).ok()?;
        self.by_place.insert((word("task")?, word("arm")?, Some(repeat)), given);
        Some(())
    }

    /// How many verdicts there are.
    pub fn count(&self) -> usize {
        self.by_run.len() + self.by_place.len()
    }

    /// How many of them are about no run of the plan.
    pub fn unknown(&self, plan: &Plan, runs: &[Run]) -> usize {
        let place = |run: &Run| (plan.tasks[run.task].id.as_str(), plan.arms[run.arm].id.as_str());
        let places: HashSet<_> = runs.iter().map(|run| (place(run), run.repeat)).collect();
        let wholes: HashSet<_> = runs.iter().map(place).collect();
        let ids: HashSet<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        let of_run = self.by_run.keys().filter(|id| !ids.contains(id.as_str()));
        let of_place = self.by_place.keys().filter(|(task, arm, repeat)| {
            let place = (task.as_str(), arm.as_str());
            !repeat.map_or(wholes.contains(&place), |repeat| places.contains(&(place, repeat)))
        });
        of_run.count() + of_place.count()
    }

    /// What is said of a run.
    pub fn of(&self, run: &str, task: &str, arm: &str, repeat: u32) -> Option<&Given> {
        let place = |repeat| self.by_place.get(&(task.into(), arm.into(), repeat));
        self.by_run.get(run).or_else(|| place(Some(repeat))).or_else(|| place(None))
    }
}

impl Given {
    /// The same with the score that a plain verdict stands for.
    fn scored(mut self) -> Given {
        self.score = match self.result.as_str() {
            "pass" => self.score.or(Some(1.0)),
            "fail" => self.score.or(Some(0.0)),
            _ => None,
        };
        self
    }
}
