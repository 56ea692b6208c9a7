//! Fills the result line from what the agent's processes have left.

use serde_json::{Map, Value, json};

use super::judge::{Judged, Left};
use crate::bench::plan::{Arm, Prices};
use crate::bench::results::line::{LineModel, LineTokens, ResultLine, RunResult};

impl ResultLine {
    /// Takes how the agent ended, for an attempt whose answer is not checked.
    pub(super) fn end(&mut self, judged: Judged) {
        self.stop = judged.stop;
        self.error = judged.error;
        self.result = RunResult::Unscored;
    }

    /// Takes what the agent's process left after one try. Sums of the server are those of all
    /// tries, because all of them work on one database; what a turn says is added up here.
    pub(super) fn add(&mut self, left: &Left, arm: &Arm) {
        let Left { turn, server, usage, .. } = left;
        let text = |value: &Value| value.as_str().map(String::from);
        self.opencode_version = text(&server["opencode_version"]).or(self.opencode_version.take());
        self.catalogue_sha256 = text(&server["catalogue_sha256"]).or(self.catalogue_sha256.take());
        self.server_start_ms = self.server_start_ms.or(server["server_start_ms"].as_u64());
        if let (Some(provider), Some(id)) =
            (text(&turn["model"]["provider"]), text(&turn["model"]["id"]))
        {
            let variant = text(&turn["model"]["variant"]).or(self.variant.clone());
            self.model = LineModel { provider: Some(provider), id: Some(id), variant };
        }
        self.agent = text(&turn["agent"]).or(self.agent.take());
        self.first_token_ms = self.first_token_ms.or(turn["first_token_ms"].as_u64());
        add(&mut self.agent_ms, &turn["total_ms"]);
        add(&mut self.retry_wait_ms, &turn["retry_wait_ms"]);
        add(&mut self.provider_retries, &turn["provider_retries"]);
        let both = self.agent_ms.zip(self.retry_wait_ms);
        self.working_ms = both.map(|(all, waited)| all.saturating_sub(waited));
        self.add_usage(turn, usage);
        self.price(turn, usage, arm);
    }

    fn add_usage(&mut self, turn: &Value, usage: &Value) {
        // Without the account of the server the turn's own is better than nothing.
        let known = usage["steps"].is_u64();
        let used = if known { usage } else { turn };
        self.usage_complete = known && usage["cut"] == 0;
        self.steps = used["steps"].as_u64().or(self.steps);
        if let Value::Object(tokens) = &used["tokens"] {
            self.tokens = Some(self::tokens(tokens));
        }
        self.tool_ms = usage["tool_ms"].as_u64().or(self.tool_ms);
        self.tool_calls = usage["tool_calls"].as_u64().or(self.tool_calls);
        self.tool_errors = usage["tool_errors"].as_u64().or(self.tool_errors);
        self.conversations = usage["conversations"].as_u64().or(self.conversations);
        self.compactions = usage["compactions"].as_u64().or(self.compactions);
    }

    fn price(&mut self, turn: &Value, usage: &Value, arm: &Arm) {
        let used = if usage["steps"].is_u64() { usage } else { turn };
        let own = used["cost_usd"].as_f64();
        (self.cost_usd, self.cost_source) = match (arm.prices, own) {
            // OpenCode reckons with them.
            (Some(_), Some(cost)) if arm.named_model().is_some() => (Some(cost), "plan"),
            (Some(prices), _) if self.tokens.is_some() => {
                (self.tokens.map(|tokens| cost(tokens, prices)), "plan")
            }
            (_, Some(cost)) => (Some(cost), "opencode"),
            _ => (None, "unknown"),
        };
    }
}

/// Adds a count to a sum, as far as it is known.
fn add(sum: &mut Option<u64>, more: &Value) {
    if let Some(more) = more.as_u64() {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

fn tokens(counts: &Map<String, Value>) -> LineTokens {
    let count = |name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    LineTokens {
        input: count("input"),
        output: count("output"),
        reasoning: count("reasoning"),
        cache_read: count("cache_read"),
        cache_write: count("cache_write"),
    }
}

/// US dollars at the plan's prices. Reasoning is billed as output.
fn cost(tokens: LineTokens, prices: Prices) -> f64 {
    let millions = |count: u64, price: f64| count as f64 * price / 1e6;
    millions(tokens.input, prices.input)
        + millions(tokens.output + tokens.reasoning, prices.output)
        + millions(tokens.cache_read, prices.cache_read)
        + millions(tokens.cache_write, prices.cache_write)
}

/// The arm's configuration, in which its model has the plan's prices: so OpenCode itself reckons
/// with them, and a limit of the cost works.
pub fn priced(arm: &Arm) -> Value {
    let mut config = if arm.config.is_object() { arm.config.clone() } else { json!({}) };
    let model = arm.named_model().and_then(|name| name.split_once('/'));
    if let (Some(prices), Some((provider, model))) = (arm.prices, model) {
        let cost = json!({"input": prices.input, "output": prices.output,
                          "cache_read": prices.cache_read, "cache_write": prices.cache_write});
        let mut place = &mut config;
        for key in ["provider", provider, "models", model, "cost"] {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[key];
        }
        *place = cost;
    }
    config
}
