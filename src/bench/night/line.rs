//! What a report reads of a result line.

use std::borrow::Cow;

use serde::Deserialize;

use crate::bench::results::line::{LineTokens, RunResult, Stop};
use crate::bench::results::row::Text;

/// The fields of a result line that reports count. What a line lacks is unknown.
#[derive(Deserialize)]
pub struct ReportLine<'a> {
    #[serde(borrow)]
    pub r#type: Cow<'a, str>,
    pub schema: u32,
    #[serde(borrow)]
    pub batch: Cow<'a, str>,
    #[serde(borrow)]
    pub run_id: Cow<'a, str>,
    pub attempt: u32,
    pub result: RunResult,
    pub stop: Stop,
    #[serde(default)]
    pub score: Option<f64>,
    #[serde(borrow, default)]
    pub started_at: Option<Text<'a>>,
    #[serde(default)]
    pub first_token_ms: Option<u64>,
    #[serde(default)]
    pub setup_ms: Option<u64>,
    #[serde(default)]
    pub server_start_ms: Option<u64>,
    #[serde(default)]
    pub agent_ms: Option<u64>,
    #[serde(default)]
    pub check_ms: Option<u64>,
    #[serde(default)]
    pub steps: Option<u64>,
    #[serde(default)]
    pub tokens: Option<LineTokens>,
    #[serde(default)]
    pub cost_usd: Option<f64>,
    #[serde(default)]
    pub usage_complete: bool,
    #[serde(default)]
    pub jobs: Option<u32>,
    #[serde(borrow, default)]
    pub opencode_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub opencode_sha256: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub host: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub error: Option<ReportError<'a>>,
    #[serde(default)]
    pub recheck_of: Option<u32>,
}

impl ReportLine<'_> {
    /// How long the attempt took, as far as its parts are known.
    pub fn took_ms(&self) -> Option<u64> {
        let parts = [self.setup_ms, self.server_start_ms, self.agent_ms, self.check_ms];
        parts.into_iter().flatten().reduce(u64::saturating_add)
    }
}

/// Why an attempt failed.
#[derive(Deserialize)]
pub struct ReportError<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
}
