//! What a trial tells the process that starts the agent's server: nothing that names task, arm,
//! plan or batch, because the agent can read everything of that process.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::line::priced;
use crate::bench::site::Site;
use crate::error::{Error, Result};

/// How long a server may take to answer. One on a machine with many others takes its time.
const START_S: f64 = 120.0;

/// The least that it is given, however short a run may be.
const START_LEAST_S: f64 = 60.0;

/// What the agent's process is to do. It travels as a file of JSON, which that process removes.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentOrder {
    /// The working tree.
    pub workdir: PathBuf,
    /// Where it leaves what it knows at the end.
    pub outbox: PathBuf,
    /// The OpenCode program.
    pub opencode: PathBuf,
    /// `provider/model`; `None` for what the configuration says.
    pub model: Option<String>,
    /// The agent; `None` for OpenCode's default.
    pub agent: Option<String>,
    /// The model's variant.
    pub variant: Option<String>,
    /// OpenCode's configuration, an object; it goes before that of the tree.
    pub config: Value,
    /// A policy as `--policy` takes it.
    pub policy: Value,
    /// The prompt; `None` to start the server, to ask it for the model's price, and to end it.
    pub prompt: Option<String>,
    /// The conversation that goes on; `None` to open one.
    pub conversation: Option<String>,
    /// What it may use.
    pub limits: AgentLimits,
}

/// What the agent may use. What is `None` is not limited. Seconds, dollars, calls of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgentLimits {
    /// Until the server answers.
    pub start_s: f64,
    /// From the prompt to the end of the turn.
    pub wall_s: f64,
    /// The same without waiting for the provider.
    pub working_s: Option<f64>,
    /// Without any progress.
    pub stall_s: f64,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// Calls of the model.
    pub steps: Option<u64>,
}

impl AgentOrder {
    /// What the plan's arm is to do first.
    pub fn first(site: &Site) -> AgentOrder {
        let (task, arm) = (site.task, &site.plan.arms[0]);
        let limits = &task.limits;
        AgentOrder {
            workdir: site.tree(),
            outbox: site.outbox(),
            opencode: site.opencode.map(PathBuf::from).unwrap_or_default(),
            model: arm.model.clone(),
            agent: arm.agent.clone(),
            variant: arm.variant.clone(),
            config: priced(arm),
            policy: arm.policy.clone(),
            prompt: Some(arm.prompt.replace("{instruction}", &task.instruction)),
            conversation: None,
            limits: AgentLimits {
                start_s: START_S.min(limits.wall_s.max(START_LEAST_S)),
                wall_s: limits.wall_s,
                working_s: limits.working_s,
                stall_s: limits.stall_s,
                cost_usd: limits.cost_usd,
                steps: limits.steps,
            },
        }
    }

    /// The content of the file.
    pub fn to_json(&self) -> Value {
        let limits = &self.limits;
        json!({"workdir": self.workdir, "outbox": self.outbox, "opencode": self.opencode,
               "model": self.model, "agent": self.agent, "variant": self.variant,
               "config": self.config, "policy": self.policy, "prompt": self.prompt,
               "conversation": self.conversation,
               "limits": {"start_s": limits.start_s, "wall_s": limits.wall_s,
                          "working_s": limits.working_s, "stall_s": limits.stall_s,
                          "cost_usd": limits.cost_usd, "steps": limits.steps}})
    }

    /// Reads the file.
    pub fn read(path: &Path) -> Result<AgentOrder> {
        let failed = |why: &str| Error::failed(format!("cannot read {}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| failed(&error.to_string()))?;
        let value = serde_json::from_str(&text).map_err(|error| failed(&error.to_string()))?;
        AgentOrder::of(&value).ok_or_else(|| failed("it is no order"))
    }

    fn of(value: &Value) -> Option<AgentOrder> {
        let text = |key: &str| value[key].as_str().map(String::from);
        let limits = &value["limits"];
        Some(AgentOrder {
            workdir: text("workdir")?.into(),
            outbox: text("outbox")?.into(),
            opencode: text("opencode")?.into(),
            model: text("model"),
            agent: text("agent"),
            variant: text("variant"),
            config: value["config"].clone(),
            policy: value["policy"].clone(),
            prompt: text("prompt"),
            conversation: text("conversation"),
            limits: AgentLimits {
                start_s: limits["start_s"].as_f64()?,
                wall_s: limits["wall_s"].as_f64()?,
                working_s: limits["working_s"].as_f64(),
                stall_s: limits["stall_s"].as_f64()?,
                cost_usd: limits["cost_usd"].as_f64(),
                steps: limits["steps"].as_u64(),
            },
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An order with something in every field.
    pub fn order() -> AgentOrder {
        AgentOrder {
            workdir: "/s/x/agent/tree".into(),
            outbox: "/s/x/agent/outbox".into(),
            opencode: "/bin/opencode".into(),
            model: Some("p/m".into()),
            agent: None,
            variant: Some("high".into()),
            config: json!({"a": [1]}),
            policy: json!({"allow": ["*"]}),
            prompt: Some("say \"hi\"\n\u{1f600}".into()),
            conversation: Some("ses_1".into()),
            limits: AgentLimits {
                start_s: 60.0,
                wall_s: 0.5,
                working_s: None,
                stall_s: 180.0,
                cost_usd: Some(1.5),
                steps: Some(3),
            },
        }
    }

    #[test]
    fn an_order_is_read_as_it_was_written() {
        assert_eq!(AgentOrder::of(&order().to_json()), Some(order()));
        assert_eq!(AgentOrder::of(&json!({"workdir": "/"})), None);
    }
}
