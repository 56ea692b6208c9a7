//! The result line: one attempt of one run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bench::hash;
use crate::bench::trial::order::TrialOrder;

/// The form of the line.
pub const SCHEMA: u32 = 1;

/// What came of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunResult {
    /// The check passed.
    Pass,
    /// The agent's work is not right.
    Fail,
    /// Nothing can be said of the agent.
    #[default]
    Unscored,
    /// The task has no check.
    Ungraded,
}

impl RunResult {
    /// As result lines have it.
    pub fn name(self) -> &'static str {
        match self {
            RunResult::Pass => "pass",
            RunResult::Fail => "fail",
            RunResult::Unscored => "unscored",
            RunResult::Ungraded => "ungraded",
        }
    }
}

/// Why the agent's work ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It finished.
    Done,
    /// It asked for something that no policy answers.
    Blocked,
    /// `wall_s`.
    WallLimit,
    /// `working_s`.
    WorkingLimit,
    /// `stall_s`.
    Stall,
    /// `cost_usd`.
    CostLimit,
    /// `steps`.
    StepLimit,
    /// The provider failed.
    ProviderError,
    /// OpenCode's server failed.
    ServerError,
    /// The tree could not be prepared.
    SetupError,
    /// The check could not be made.
    CheckError,
    /// It was ended from outside.
    #[default]
    Interrupted,
}

impl Stop {
    /// As result lines have it.
    pub fn name(self) -> &'static str {
        match self {
            Stop::Done => "done",
            Stop::Blocked => "blocked",
            Stop::WallLimit => "wall_limit",
            Stop::WorkingLimit => "working_limit",
            Stop::Stall => "stall",
            Stop::CostLimit => "cost_limit",
            Stop::StepLimit => "step_limit",
            Stop::ProviderError => "provider_error",
            Stop::ServerError => "server_error",
            Stop::SetupError => "setup_error",
            Stop::CheckError => "check_error",
            Stop::Interrupted => "interrupted",
        }
    }
}

/// A model as it was used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LineModel {
    /// The provider's id.
    pub provider: Option<String>,
    /// The model's id.
    pub id: Option<String>,
    /// The variant.
    pub variant: Option<String>,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LineError {
    /// A word for the kind.
    pub name: String,
    /// In words; untrusted text.
    pub message: String,
}

/// Tokens of all conversations. The counts are disjoint: cached ones are not in `input`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct LineTokens {
    /// Of prompts.
    pub input: u64,
    /// Of answers.
    pub output: u64,
    /// Of thoughts.
    pub reasoning: u64,
    /// Read from the provider's cache.
    pub cache_read: u64,
    /// Written to it.
    pub cache_write: u64,
}

impl LineTokens {
    /// All of them. What a hostile file says may not fit.
    pub fn sum(self) -> u64 {
        let parts = [self.output, self.reasoning, self.cache_read, self.cache_write];
        parts.into_iter().fold(self.input, u64::saturating_add)
    }
}

/// One attempt. Every field is described in `docs/json.md`; `None` is null and means unknown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ResultLine {
    /// Always `result`.
    pub r#type: &'static str,
    /// [`SCHEMA`].
    pub schema: u32,
    /// The batch's id.
    pub batch: String,
    /// SHA-256 of batch, task, arm and repeat.
    pub run_id: String,
    /// From 1.
    pub attempt: u32,
    /// The task's id.
    pub task: String,
    /// The arm's id.
    pub arm: String,
    /// From 1.
    pub repeat: u32,
    /// The number of task × repeat in the order of the plan, from 0.
    pub block: u64,
    /// `I/N`.
    pub shard: String,
    /// As really used; of the arm before the first answer.
    pub model: LineModel,
    /// The agent.
    pub agent: Option<String>,
    /// The variant.
    pub variant: Option<String>,
    /// What the server says of itself.
    pub opencode_version: Option<String>,
    /// Of the OpenCode program.
    pub opencode_sha256: Option<String>,
    /// Of the plan.
    pub plan_sha256: String,
    /// Of the task.
    pub task_sha256: String,
    /// Of the arm's configuration.
    pub config_sha256: String,
    /// Of the overlay's files.
    pub overlay_sha256: Option<String>,
    /// Of the arm's policy.
    pub policy_sha256: String,
    /// Of the catalogue of models that the server knew.
    pub catalogue_sha256: Option<String>,
    /// The plan's `wrap`.
    pub wrap: Vec<String>,
    /// What came of it.
    pub result: RunResult,
    /// Why the agent ended.
    pub stop: Stop,
    /// From 0 to 1; 1 or 0 where the check gave none; null if it was not scored.
    pub score: Option<f64>,
    /// What the check measured.
    pub metrics: BTreeMap<String, Value>,
    /// The check's status; 128 + N for signal N.
    pub check_exit: Option<i32>,
    /// The try that passed, from 1.
    pub passed_at: Option<u32>,
    /// Why it failed.
    pub error: Option<LineError>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// From its being due to its start.
    pub queue_ms: u64,
    /// Copying and preparing.
    pub setup_ms: Option<u64>,
    /// Until the server answered.
    pub server_start_ms: Option<u64>,
    /// From the prompt to the first text.
    pub first_token_ms: Option<u64>,
    /// From the prompt to the end of the turn, of all tries.
    pub agent_ms: Option<u64>,
    /// Waiting for the provider to be tried again.
    pub retry_wait_ms: Option<u64>,
    /// `agent_ms` − `retry_wait_ms`.
    pub working_ms: Option<u64>,
    /// The sum over all tool calls.
    pub tool_ms: Option<u64>,
    /// The check.
    pub check_ms: Option<u64>,
    /// How often the provider was tried again.
    pub provider_retries: Option<u64>,
    /// Calls of the model.
    pub steps: Option<u64>,
    /// Calls of tools.
    pub tool_calls: Option<u64>,
    /// Those of them that failed.
    pub tool_errors: Option<u64>,
    /// Conversations on the server.
    pub conversations: Option<u64>,
    /// How often the history was summarised to fit.
    pub compactions: Option<u64>,
    /// Of all conversations.
    pub tokens: Option<LineTokens>,
    /// Of this attempt.
    pub cost_usd: Option<f64>,
    /// `opencode`, `plan` or `unknown`.
    pub cost_source: &'static str,
    /// Whether no call was cut before its usage was told.
    pub usage_complete: bool,
    /// Of all attempts of the run so far.
    pub spent_usd: Option<f64>,
    /// The most memory that one process of the run had.
    pub max_rss_bytes: Option<u64>,
    /// Lines.
    pub diff_added: Option<u64>,
    /// Lines.
    pub diff_removed: Option<u64>,
    /// The machine's name.
    pub host: String,
    /// Its cores, as far as this process may use them.
    pub cpus: u32,
    /// What the process may use; null without a limit.
    pub mem_limit_bytes: Option<u64>,
    /// How many runs went on at once.
    pub jobs: u32,
    /// The number of the recheck that this line comes from.
    pub recheck_of: Option<u32>,
    /// Relative to the directory of the batch.
    pub artifacts: Option<String>,
}

impl ResultLine {
    /// The line of an attempt that has only begun: what was ordered, and nothing that is known only
    /// afterwards. Until the caller sets another end, it says that the attempt was ended from
    /// outside.
    pub fn begun(order: &TrialOrder, started_at: String) -> ResultLine {
        let (task, arm) = (&order.plan.tasks[0], &order.plan.arms[0]);
        let (provider, id) = arm.model.as_deref().and_then(|name| name.split_once('/')).unzip();
        ResultLine {
            r#type: "result",
            schema: SCHEMA,
            batch: order.batch.clone(),
            run_id: order.run_id.clone(),
            attempt: order.attempt,
            task: task.id.clone(),
            arm: arm.id.clone(),
            repeat: order.repeat,
            block: order.block,
            shard: order.shard.clone(),
            model: LineModel {
                provider: provider.map(String::from),
                id: id.map(String::from),
                variant: arm.variant.clone(),
            },
            agent: arm.agent.clone(),
            variant: arm.variant.clone(),
            opencode_sha256: order.opencode_sha256.clone(),
            plan_sha256: order.plan_sha256.clone(),
            task_sha256: task.sha256.clone(),
            config_sha256: hash::json(&arm.config),
            overlay_sha256: arm.overlay_sha256.clone(),
            policy_sha256: hash::json(&arm.policy),
            wrap: order.plan.wrap.clone(),
            result: RunResult::Unscored,
            stop: Stop::Interrupted,
            started_at,
            queue_ms: order.queue_ms,
            cost_source: "unknown",
            spent_usd: order.spent_usd,
            jobs: order.jobs,
            artifacts: Some(order.artifacts_name.clone()),
            ..ResultLine::default()
        }
    }

    /// The line as it is stored: one JSON object without a newline.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
