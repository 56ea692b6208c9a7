//! Writes a trajectory, step by step.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::ops::AddAssign;

use serde_json::{Value, json};

use super::step::{Steps, Style};
use super::tree::{Chapter, LONGEST_TEXT, Outline};
use crate::bench::export::counts::Counts;
use crate::bench::export::folder::NewFile;
use crate::bench::export::taken::{AGENT, Taken};
use crate::error::{Error, Result};
use crate::runner::conversation::recorded::{Reader, Recorded};

/// The version of the format.
const SCHEMA_VERSION: &str = "ATIF-v1.7";

/// What a conversation used, with its sub-agents.
#[derive(Clone, Copy, Default)]
struct Sum {
    counts: Counts,
    /// Of the calls whose cost is known.
    cost_usd: Option<f64>,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Sum) {
        self.counts.add(other.counts);
        if let Some(cost) = other.cost_usd {
            *self.cost_usd.get_or_insert(0.0) += cost;
        }
    }
}

/// Writes one document.
pub struct Writer<'a, 'b> {
    taken: &'a Taken<'a>,
    outline: &'a Outline,
    file: File,
    out: &'a mut NewFile<'b>,
    cut: u64,
}

impl<'a, 'b> Writer<'a, 'b> {
    /// One for a run, with its transcript.
    pub fn new(
        taken: &'a Taken,
        outline: &'a Outline,
        file: File,
        out: &'a mut NewFile<'b>,
    ) -> Writer<'a, 'b> {
        Writer { taken, outline, file, out, cut: 0 }
    }

    /// Writes the trajectory of a conversation with those of its sub-agents. `depth` is 0 for the
    /// agent's own.
    pub fn write(&mut self, at: usize, depth: usize) -> Result<()> {
        self.trajectory(at, depth).map(drop)
    }

    /// What is missing, in words.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.outline.whole {
            notes.push(
                "the transcript is cut short: what happened after its end is not known".into(),
            );
        }
        let unreadable = self.outline.unreadable;
        if unreadable > 0 {
            notes.push(format!("{unreadable} messages of the transcript cannot be read"));
        }
        if self.cut > 0 {
            notes.push(format!("{} texts are cut; the transcript has them whole", self.cut));
        }
        if !self.taken.row.usage_complete {
            notes.push("not all that was used is known: the totals are at least that much".into());
        }
        notes
    }

    fn trajectory(&mut self, at: usize, depth: usize) -> Result<Sum> {
        let outline = self.outline;
        let chapter = &outline.chapters[at];
        let agent = json!({
            "schema_version": SCHEMA_VERSION, "session_id": chapter.id, "trajectory_id": chapter.id,
            "agent": self.agent(),
        });
        let head = agent.to_string();
        self.out.write(&head[..head.len() - 1])?;
        self.out.write(",\"steps\":[\n")?;
        let (count, mut sum) = self.steps(chapter)?;
        self.out.write("\n]")?;
        let mut before = ",\"subagent_trajectories\":[\n";
        for child in &chapter.children {
            self.out.write(before)?;
            sum += self.trajectory(*child, depth + 1)?;
            before = ",\n";
        }
        if !chapter.children.is_empty() {
            self.out.write("\n]")?;
        }
        let mut rest = if depth == 0 { self.whole() } else { part(chapter, sum) };
        rest["final_metrics"]["total_steps"] = json!(count);
        let rest = rest.to_string();
        self.out.write(",")?;
        self.out.write(&rest[1..])?;
        Ok(sum)
    }

    fn agent(&self) -> Value {
        let taken = self.taken;
        let mut agent = json!({
            "name": AGENT, "version": taken.version(),
            "extra": {"arm": taken.arm.id, "agent": taken.line["agent"],
                      "variant": taken.line["variant"]},
        });
        if let Some(model) = taken.model_name() {
            agent["model_name"] = json!(model);
        }
        agent
    }

    /// Writes the steps of a conversation, and returns how many there are and what they used.
    fn steps(&mut self, chapter: &Chapter) -> Result<(u64, Sum)> {
        let outline = self.outline;
        let children = chapter.children.iter().map(|child| outline.chapters[*child].id.as_str());
        let children: BTreeSet<&str> = children.collect();
        let is_embedded = |id: &str| children.contains(id);
        let has_price = self.taken.cost_usd().is_some();
        let style = Style { is_embedded: &is_embedded, has_price };
        let unreadable = |error| Error::failed(format!("cannot read a transcript: {error}"));
        self.file.seek(SeekFrom::Start(chapter.position)).map_err(unreadable)?;
        let file = self.file.try_clone().map_err(unreadable)?;
        let mut reader = Reader::within(file, LONGEST_TEXT);
        let (mut count, mut sum) = (0, Sum::default());
        while let Some(found) = reader.next().map_err(unreadable)? {
            let message = match found {
                Recorded::Conversation(_) | Recorded::Nameless => break,
                Recorded::Message(message) => message,
                Recorded::TooLarge | Recorded::Unreadable => continue,
            };
            let steps = Steps::of(*message, &style);
            sum += Sum { counts: steps.used, cost_usd: steps.cost_usd };
            self.cut += steps.cut;
            for mut step in steps.steps {
                if count > 0 {
                    self.out.write(",\n")?;
                }
                count += 1;
                step["step_id"] = json!(count);
                self.out.json(&step)?;
            }
        }
        Ok((count, sum))
    }

    /// What is said of the whole run. The totals are those of the result line, which counts what no
    /// transcript has.
    fn whole(&self) -> Value {
        let Taken { task, arm, run, row, line, .. } = self.taken;
        let sum = self.taken.counts().map(|counts| Sum { counts, cost_usd: None });
        let mut metrics = sum.map_or_else(|| json!({}), metrics);
        if let Some(cost) = self.taken.cost_usd() {
            metrics["total_cost_usd"] = json!(cost);
        }
        metrics["extra"]["model_calls"] = line["steps"].clone();
        metrics["extra"]["conversations"] = line["conversations"].clone();
        metrics["extra"]["usage_complete"] = json!(row.usage_complete);
        let error = row.error.as_ref();
        let mut rest = json!({
            "final_metrics": metrics,
            "extra": {
                "batch": row.batch, "run_id": run.id, "attempt": row.attempt, "task": task.id,
                "arm": arm.id, "repeat": run.repeat, "result": row.result, "stop": row.stop,
                "score": row.score, "recheck": row.recheck_of,
                "error": error.map(|it| json!({"name": it.name, "message": it.message})),
            },
        });
        let notes = self.notes();
        if !notes.is_empty() {
            rest["notes"] = json!(notes.join("; "));
        }
        rest
    }
}

/// What is said of a sub-agent.
fn part(chapter: &Chapter, sum: Sum) -> Value {
    json!({"final_metrics": metrics(sum), "extra": {"title": chapter.title}})
}

fn metrics(sum: Sum) -> Value {
    let Sum { counts, cost_usd } = sum;
    let mut metrics = json!({
        "total_prompt_tokens": counts.prompt, "total_completion_tokens": counts.completion,
        "total_cached_tokens": counts.cached,
        "extra": {"reasoning_tokens": counts.reasoning,
                  "cache_creation_input_tokens": counts.cache_creation},
    });
    if let Some(cost) = cost_usd {
        metrics["total_cost_usd"] = json!(cost);
    }
    metrics
}
