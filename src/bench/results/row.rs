//! What is read of a result line: the few fields that decide what is still to be done.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Deref;
use std::rc::Rc;

use jiff::Timestamp;
use serde::Deserialize;

use super::line::{RunResult, Stop};
use crate::bench::site::DISK_FULL;

/// The fields of a result line that a batch goes by. A batch holds one for each of its attempts, so
/// what many lines repeat is shared ([`Shared`]).
#[derive(Clone, Debug)]
pub struct Row {
    /// The batch's id.
    pub batch: Rc<str>,
    /// The run's id.
    pub run_id: Rc<str>,
    /// From 1.
    pub attempt: u32,
    /// The task's id.
    pub task: Rc<str>,
    /// The arm's id.
    pub arm: Rc<str>,
    /// From 1.
    pub repeat: u32,
    /// `I/N`: the shard that recorded it.
    pub shard: Option<Rc<str>>,
    /// What came of it.
    pub result: RunResult,
    /// Why the agent ended.
    pub stop: Stop,
    /// From 0 to 1.
    pub score: Option<f64>,
    /// Why it failed.
    pub error: Option<Box<RowError>>,
    /// When the attempt began.
    pub started_at: Option<Timestamp>,
    /// From the prompt to the end of the turn.
    pub agent_ms: Option<u64>,
    /// Of this attempt.
    pub cost_usd: Option<f64>,
    /// Whether the cost is all of it.
    pub usage_complete: bool,
    /// Of the OpenCode program.
    pub opencode_sha256: Option<Rc<str>>,
    /// Relative to the directory of the batch.
    pub artifacts: Option<Box<str>>,
    /// The number of the recheck.
    pub recheck_of: Option<u32>,
}

/// The same in the text of the line. A line that lacks a field without a default is foreign.
#[derive(Deserialize)]
struct RowText<'a> {
    r#type: LineType,
    schema: u32,
    #[serde(borrow)]
    batch: Cow<'a, str>,
    #[serde(borrow)]
    run_id: Cow<'a, str>,
    attempt: u32,
    #[serde(borrow)]
    task: Cow<'a, str>,
    #[serde(borrow)]
    arm: Cow<'a, str>,
    repeat: u32,
    #[serde(borrow, default)]
    shard: Option<Text<'a>>,
    result: RunResult,
    stop: Stop,
    #[serde(default)]
    score: Option<f64>,
    #[serde(default)]
    error: Option<Box<RowError>>,
    #[serde(borrow, default)]
    started_at: Option<Text<'a>>,
    #[serde(default)]
    agent_ms: Option<u64>,
    #[serde(default)]
    cost_usd: Option<f64>,
    #[serde(default)]
    usage_complete: bool,
    #[serde(borrow, default)]
    opencode_sha256: Option<Text<'a>>,
    #[serde(borrow, default)]
    artifacts: Option<Text<'a>>,
    #[serde(default)]
    recheck_of: Option<u32>,
}

/// A text within the line, unless it has escapes. serde copies a `Cow` that stands in an option
/// itself.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Texts that many rows have, each kept once.
#[derive(Default)]
pub struct Shared(HashSet<Rc<str>>);

impl Shared {
    fn keep(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.0.get(text) {
            return Rc::clone(known);
        }
        let text: Rc<str> = text.into();
        self.0.insert(Rc::clone(&text));
        text
    }
}

/// Why an attempt failed.
#[derive(Clone, Debug, Deserialize)]
pub struct RowError {
    /// A word for the kind.
    pub name: String,
    /// In words.
    pub message: String,
}

/// What tells a result line from other JSON.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LineType {
    /// The only one that is known.
    Result,
}

impl Row {
    /// Reads one line. `None` for what is no result line of a form that is known.
    pub fn read(line: &str) -> Option<Row> {
        Row::read_sharing(line, &mut Shared::default())
    }

    /// The same for one of many lines.
    pub fn read_sharing(line: &str, shared: &mut Shared) -> Option<Row> {
        let text: RowText = serde_json::from_str(line).ok()?;
        // Every other type has failed to be read.
        let LineType::Result = text.r#type;
        (text.schema == super::line::SCHEMA).then(|| Row {
            batch: shared.keep(&text.batch),
            run_id: (&*text.run_id).into(),
            attempt: text.attempt,
            task: shared.keep(&text.task),
            arm: shared.keep(&text.arm),
            repeat: text.repeat,
            shard: text.shard.map(|shard| shared.keep(&shard)),
            result: text.result,
            stop: text.stop,
            score: text.score,
            error: text.error,
            started_at: text.started_at.and_then(|time| time.parse().ok()),
            agent_ms: text.agent_ms,
            cost_usd: text.cost_usd,
            usage_complete: text.usage_complete,
            opencode_sha256: text.opencode_sha256.map(|hash| shared.keep(&hash)),
            artifacts: text.artifacts.map(|place| (&*place).into()),
            recheck_of: text.recheck_of,
        })
    }

    /// Whether something can be said of the agent, or nothing is to be said.
    pub fn is_scored(&self) -> bool {
        self.result != RunResult::Unscored
    }

    /// Whether it counts as one of the attempts of its run: what was ended from outside does not,
    /// and no more does a recheck.
    pub fn uses_an_attempt(&self) -> bool {
        self.stop != Stop::Interrupted && self.recheck_of.is_none()
    }

    /// What it cost by itself: a recheck repeats the cost of its attempt.
    pub fn own_cost(&self) -> Option<f64> {
        self.cost_usd.filter(|_| self.recheck_of.is_none())
    }

    /// Whether it was ended by a full disk, which ends every other run as well.
    pub fn is_of_full_disk(&self) -> bool {
        let full = |error: &RowError| error.name == DISK_FULL;
        self.stop == Stop::Interrupted && self.error.as_deref().is_some_and(full)
    }

    /// Whether provider or server were the cause, and not the task or a person.
    pub fn is_infrastructure(&self) -> bool {
        !self.is_scored()
            && matches!(self.stop, Stop::ProviderError | Stop::ServerError | Stop::Stall)
    }
}
