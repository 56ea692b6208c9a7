//! One job: what came of all runs of an arm.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::times::{Times, text};
use super::trial::{exception, task_path};
use super::uuid::uuid;
use crate::bench::export::folder::NewFolder;
use crate::bench::export::taken::{AGENT, Taken};
use crate::bench::plan::{Arm, Plan};
use crate::error::Result;

/// The numbers of a job.
#[derive(Default)]
pub struct Job {
    trials: usize,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    /// The names of trials, by reward.
    rewards: BTreeMap<String, Vec<String>>,
    /// The rewards themselves, added up.
    sum: f64,
    /// The names of trials without a result, by why.
    exceptions: BTreeMap<String, Vec<String>>,
    tokens: Option<[u64; 3]>,
    cost_usd: Option<f64>,
    models: BTreeSet<String>,
    tasks: BTreeSet<String>,
}

impl Job {
    /// Takes a trial.
    pub fn count(&mut self, taken: &Taken, name: String, times: Times) {
        self.trials += 1;
        self.started = [self.started, times.started].into_iter().flatten().min();
        self.finished = self.finished.max(times.finished);
        if let Some(counts) = taken.counts() {
            let sum = self.tokens.get_or_insert_default();
            for (sum, more) in sum.iter_mut().zip([counts.prompt, counts.cached, counts.completion])
            {
                *sum = sum.saturating_add(more);
            }
        }
        if let Some(cost) = taken.cost_usd() {
            *self.cost_usd.get_or_insert(0.0) += cost;
        }
        self.models.extend(taken.model_name());
        self.tasks.insert(task_path(taken));
        if let Some(reward) = taken.reward() {
            self.sum += reward;
            self.rewards.entry(format!("{reward:?}")).or_default().push(name);
        } else if let Some((kind, _)) = exception(taken) {
            self.exceptions.entry(kind.into()).or_default().push(name);
        }
    }

    /// Writes `config.json` and `result.json` of a job that has trials.
    pub fn write(&self, folder: &NewFolder, of: (&Plan, &Arm), batch: &str) -> Result<()> {
        if self.trials == 0 {
            return Ok(());
        }
        let (plan, arm) = of;
        let asked = || arm.model.clone();
        let model = self.models.first().cloned().or_else(asked);
        let tasks: Vec<Value> = self.tasks.iter().map(|path| json!({"path": path})).collect();
        let config = json!({
            "job_name": arm.id, "agents": [{"name": AGENT, "model_name": model}], "tasks": tasks,
        });
        folder.put(&format!("{}/config.json", arm.id), &format!("{config:#}\n"))?;
        let key = match &model {
            Some(model) => {
                let name = model.split_once('/').map_or(model.as_str(), |(_, name)| name);
                format!("{AGENT}__{name}__{}", plan.name)
            }
            None => format!("{AGENT}__{}", plan.name),
        };
        let result = self.result(&uuid(&format!("{batch}/{}", arm.id)), &key);
        folder.put(&format!("{}/result.json", arm.id), &format!("{result:#}\n"))
    }

    fn result(&self, id: &str, key: &str) -> Value {
        let scored: usize = self.rewards.values().map(Vec::len).sum();
        let errors: usize = self.exceptions.values().map(Vec::len).sum();
        // A run without a result is no reward of 0.
        let metrics: Vec<Value> =
            (scored > 0).then(|| json!({"mean": self.sum / scored as f64})).into_iter().collect();
        let rewards = if scored > 0 { json!({"reward": self.rewards}) } else { json!({}) };
        let tokens = |at: usize| self.tokens.map(|tokens| tokens[at]);
        json!({
            "id": id,
            "started_at": text(self.started),
            "finished_at": text(self.finished),
            "n_total_trials": self.trials,
            "stats": {
                "n_completed_trials": self.trials, "n_errored_trials": errors,
                "n_input_tokens": tokens(0), "n_cache_tokens": tokens(1),
                "n_output_tokens": tokens(2), "cost_usd": self.cost_usd,
                "evals": {key: {
                    "n_trials": scored, "n_errors": errors, "metrics": metrics, "pass_at_k": {},
                    "reward_stats": rewards, "exception_stats": self.exceptions,
                }},
            },
        })
    }
}
