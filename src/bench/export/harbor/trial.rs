//! One trial: the directory of a run.

use serde_json::{Value, json};

use super::times::{Times, text};
use super::uuid::uuid;
use crate::bench::export::atif;
use crate::bench::export::folder::NewFolder;
use crate::bench::export::taken::{AGENT, Taken};
use crate::bench::report::escape::address;
use crate::bench::results::line::RunResult;
use crate::error::Result;

/// A run as a trial.
pub struct Trial<'a> {
    /// The run.
    pub taken: &'a Taken<'a>,
    /// Its name.
    pub name: &'a str,
    /// Its directory below the export.
    pub place: &'a str,
    /// What the tasks are together.
    pub dataset: &'a str,
}

impl Trial<'_> {
    /// Writes the directory. Returns its times, and what is missing of its trajectory.
    pub fn write(&self, folder: &NewFolder) -> Result<(Times, Vec<String>)> {
        let taken = self.taken;
        let name = |file: &str| format!("{}/{file}", self.place);
        let times = Times::of(taken);
        let notes = match atif::trajectory(taken, folder, &name("agent/trajectory.json"))? {
            Ok(notes) => notes,
            Err(lack) => vec![lack.words().1.into()],
        };
        if let Some(reward) = taken.reward() {
            folder.put(&name("verifier/reward.txt"), &format!("{reward:?}\n"))?;
        }
        let printed = taken.stored.as_ref().and_then(|stored| stored.open("check.txt"));
        if let Some((mut printed, _)) = printed {
            let mut file = folder.file(&name("verifier/test-stdout.txt"))?;
            file.copy(&mut printed)?;
            file.finish()?;
        }
        if let Some((kind, message)) = exception(taken) {
            folder.put(&name("exception.txt"), &format!("{kind}: {message}\n"))?;
        }
        folder.put(&name("config.json"), &format!("{:#}\n", self.config()))?;
        let place = folder.place(self.place);
        let result = self.result(&times, &place.to_string_lossy());
        folder.put(&name("result.json"), &format!("{result:#}\n"))?;
        Ok((times, notes))
    }

    fn config(&self) -> Value {
        json!({
            "task": {"path": task_path(self.taken), "source": self.dataset},
            "trial_name": self.name,
            "agent": {"name": AGENT, "model_name": self.taken.model_name()},
        })
    }

    fn result(&self, times: &Times, place: &str) -> Value {
        let taken = self.taken;
        let counts = taken.counts();
        let model = taken.model();
        let exception = exception(taken).map(|(kind, message)| {
            json!({"exception_type": kind, "exception_message": message,
                   "exception_traceback": "", "occurred_at": text(times.finished)})
        });
        let mut result = json!({
            "id": uuid(&format!("{}/{}", taken.run.id, taken.row.attempt)),
            "task_name": taken.task.id,
            "trial_name": self.name,
            "trial_uri": format!("file://{}", address(place)),
            "task_id": {"path": task_path(taken)},
            "source": self.dataset,
            "task_checksum": taken.task.sha256,
            "config": self.config(),
            "agent_info": {
                "name": AGENT, "version": taken.version(),
                "model_info": model.map(|(provider, name)| {
                    json!({"name": name, "provider": provider})
                }),
            },
            "agent_result": {
                "n_input_tokens": counts.map(|counts| counts.prompt),
                "n_cache_tokens": counts.map(|counts| counts.cached),
                "n_output_tokens": counts.map(|counts| counts.completion),
                "cost_usd": taken.cost_usd(),
            },
            "verifier_result": taken.reward().map(|reward| json!({"rewards": {"reward": reward}})),
            "exception_info": exception,
            "started_at": text(times.started),
            "finished_at": text(times.finished),
        });
        for (phase, value) in times.phases() {
            result[phase] = value;
        }
        result
    }
}

/// Why a run has no result, as a word and in words.
pub fn exception<'a>(taken: &'a Taken) -> Option<(&'a str, &'a str)> {
    if taken.row.result != RunResult::Unscored {
        return None;
    }
    let stop = taken.row.stop.name();
    let error = taken.row.error.as_ref();
    Some(error.map_or((stop, ""), |error| (error.name.as_str(), error.message.as_str())))
}

/// Where the task is; its id for one that stands within a plan.
pub fn task_path(taken: &Taken) -> String {
    let directory = taken.task.directory.as_ref();
    directory.map_or(taken.task.id.clone(), |path| path.to_string_lossy().into_owned())
}
