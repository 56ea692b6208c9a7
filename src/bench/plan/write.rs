//! A plan as JSON, and the hashes of what it holds.

use serde_json::{Value, json};

use super::{Arm, Auth, Gate, Infer, Plan, Prices};
use crate::bench::hash;

impl Plan {
    /// The plan as resolved, which [`Plan::read`] accepts again and reads as the same plan: what
    /// `plan.json` holds.
    pub fn to_json(&self) -> Value {
        let mut value = self.keys();
        value["directory"] = json!(self.directory);
        value["tasks"] = self.tasks.iter().map(|task| task.to_json()).collect();
        value["arms"] = self.arms.iter().map(Arm::to_json).collect();
        value["sha256"] = json!(self.sha256);
        value
    }

    /// The same plan with another number of repeats.
    pub fn set_repeats(&mut self, repeats: u32) {
        self.repeats = repeats;
        self.sha256 = self.hash();
    }

    /// The same plan with only some of its arms.
    pub fn with_arms(&self, ids: &[&str]) -> Plan {
        let mut plan = self.clone();
        plan.arms.retain(|arm| ids.contains(&arm.id.as_str()));
        plan.sha256 = plan.hash();
        plan
    }

    /// The hash of the plan. It does not depend on where the plan and its files are: another
    /// machine may have them elsewhere.
    pub(super) fn hash(&self) -> String {
        let mut value = self.keys();
        value["tasks"] = self.tasks.iter().map(|task| json!([task.id, task.sha256])).collect();
        value["arms"] = self.arms.iter().map(|arm| json!([arm.id, arm.identity()])).collect();
        hash::json(&value)
    }

    /// The arms whose model must have a known price: a limit or the budget counts what it costs,
    /// and the plan does not say it, or not of which model. Only a server can say whether OpenCode
    /// knows the price.
    pub fn arms_to_price(&self) -> Vec<&Arm> {
        let counted = self.budget_usd.is_some()
            || self.tasks.iter().any(|task| task.limits.cost_usd.is_some());
        self.arms.iter().filter(|arm| counted && !arm.is_priced()).collect()
    }

    /// All but tasks, arms and paths.
    fn keys(&self) -> Value {
        let auth = match self.auth {
            Auth::None => "none",
            Auth::Copy => "copy",
        };
        json!({
            "schema": 1, "name": self.name, "seed": self.seed, "repeats": self.repeats,
            "base": self.base, "gate": self.gate.to_json(),
            "retry": {"max_attempts": self.max_attempts, "hold_s": self.hold_s},
            "max_unscored": self.max_unscored, "budget_usd": self.budget_usd,
            "max_parallel": self.max_parallel, "env": self.env, "pass_env": self.pass_env,
            "wrap": self.wrap, "wrap_kill": self.wrap_kill, "auth": auth,
        })
    }
}

impl Arm {
    /// The hash of everything in an arm that makes its runs what they are. Its id is only a name,
    /// its overlay may be anywhere, and what the program and the catalogue of models are is
    /// recorded beside it.
    pub fn identity(&self) -> String {
        hash::json(&self.keys())
    }

    /// The name of its model, as far as the plan says it.
    pub fn named_model(&self) -> Option<&str> {
        self.model.as_deref().or(self.config["model"].as_str())
    }

    /// Whether the plan says what its model costs.
    fn is_priced(&self) -> bool {
        self.prices.is_some() && self.named_model().is_some()
    }

    fn to_json(&self) -> Value {
        let mut value = self.keys();
        value["id"] = json!(self.id);
        value["overlay"] = json!(self.overlay);
        value
    }

    fn keys(&self) -> Value {
        json!({
            "model": self.model, "agent": self.agent, "variant": self.variant,
            "opencode": self.opencode, "config": self.config, "prompt": self.prompt,
            "policy": self.policy, "prices": self.prices.map(Prices::to_json), "env": self.env,
            "overlay_sha256": self.overlay_sha256, "twin": self.twin,
        })
    }
}

impl Prices {
    fn to_json(self) -> Value {
        json!({"input": self.input, "output": self.output, "cache_read": self.cache_read,
               "cache_write": self.cache_write})
    }
}

impl Gate {
    fn to_json(&self) -> Value {
        let infer = match self.infer {
            Infer::Runs => "runs",
            Infer::Tasks => "tasks",
        };
        json!({"infer": infer, "alpha": self.alpha, "margin": self.margin,
               "max_cost_increase": self.max_cost_increase,
               "max_tokens_increase": self.max_tokens_increase})
    }
}
