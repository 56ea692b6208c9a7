//! One start of an arm's server that is no run: before the first run of a batch, so that none has
//! to wait for what only the first start of a host does. It also tells whether the model's price
//! is known.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::agent_order::AgentOrder;
use super::artifacts::{self, AGENT_LOG};
use super::child;
use super::order::{no_order, read_order};
use super::program::Program;
use super::secrets::Secrets;
use super::surroundings;
use crate::bench::plan::Plan;
use crate::bench::room;
use crate::bench::site::Site;
use crate::bench::task::Template;
use crate::bench::workspace::lay::Lay;
use crate::bench::workspace::{self, Workspace};
use crate::error::{Error, Result};
use crate::runner::programs::become_subreaper;
use crate::runner::{Environment, Signals};

/// How long the server may take to say what it knows, once it has started.
const QUESTIONS_S: f64 = 60.0;

/// What OpenCode reads in a project's directory before any prompt.
const SETTINGS: [&str; 3] = ["opencode.json", "opencode.jsonc", ".opencode"];

/// What is to be started. It travels as a file of JSON.
#[derive(Debug)]
pub struct WarmUpOrder {
    /// A plan with exactly one task and one arm.
    pub plan: Plan,
    /// Whether the price of the arm's model matters.
    pub is_priced: bool,
    /// `I/N`.
    pub shard: String,
    /// The private directory, with a random name that is the mark of everything started for it.
    pub scratch: PathBuf,
    /// The data directory for occtl sessions that all trials of this host share.
    pub data: PathBuf,
}

impl WarmUpOrder {
    /// The order as its file holds it.
    pub fn to_json(&self) -> Value {
        json!({"plan": self.plan.to_json(), "is_priced": self.is_priced, "shard": self.shard,
               "scratch": self.scratch, "data": self.data})
    }

    /// Reads the file of an order.
    pub fn read(path: &Path) -> Result<WarmUpOrder> {
        let (plan, value) = read_order(path)?;
        let word = |key: &str| value[key].as_str().map(String::from);
        let (Some(shard), Some(scratch), Some(data)) =
            (word("shard"), word("scratch"), word("data"))
        else {
            return Err(no_order(path, "a key is missing"));
        };
        let is_priced = value["is_priced"] == true;
        Ok(WarmUpOrder { plan, is_priced, shard, scratch: scratch.into(), data: data.into() })
    }

    /// The file for what was found: `{"trouble": text or null, "full": whether the disk is full,
    /// "price": {"model", "state"}}`.
    pub fn found(&self) -> PathBuf {
        self.scratch.join("found.json")
    }
}

/// Carries out the order in a file: prepares a tree, starts the arm's server there and ends it. No
/// model is asked.
pub fn warm_up(environment: &Environment, file: &Path) -> Result<()> {
    let order = WarmUpOrder::read(file)?;
    let signals = Signals::catch()?;
    let failed = |error: std::io::Error| Error::failed(format!("cannot warm up: {error}"));
    become_subreaper().map_err(failed)?;
    let mut secrets = surroundings::passed(&order.plan, environment);
    let is_stopped = || signals.received().is_some();
    let found = start(&order, environment, &is_stopped, &mut secrets);
    let trouble = found.as_ref().err().map(|message| secrets.mask(message));
    // Once its files are removed there is room again.
    let is_full = trouble.is_some() && room::is_full(&order.scratch);
    let _ = workspace::remove(&order.scratch.join("agent"));
    let price = found.unwrap_or_default();
    let text = json!({"trouble": trouble, "full": is_full, "price": price}).to_string();
    fs::create_dir_all(&order.scratch).and_then(|()| fs::write(order.found(), text)).map_err(failed)
}

/// Lays over the tree what OpenCode reads of a template, and nothing else of it: a template may be
/// large. It may say what a model costs.
fn lay_settings(site: &Site, template: &Path) -> std::result::Result<(), String> {
    let is_setting = |path: &[u8]| {
        let top = path.split(|byte| *byte == b'/').next().unwrap_or_default();
        SETTINGS.iter().any(|name| name.as_bytes() == top)
    };
    lay(site, template, &|path| !is_setting(path))
}

fn lay(
    site: &Site,
    from: &Path,
    is_left_out: &dyn Fn(&[u8]) -> bool,
) -> std::result::Result<(), String> {
    let lay = Lay { is_left_out, is_stopped: site.is_stopped };
    let laid = lay.over(from, &site.tree());
    laid.map_err(|error| format!("{} cannot be copied: {error}", from.display()))
}

/// Starts the server once; what it says of the price, or why it was not asked.
fn start(
    order: &WarmUpOrder,
    environment: &Environment,
    is_stopped: &dyn Fn() -> bool,
    secrets: &mut Secrets,
) -> std::result::Result<Value, String> {
    let WarmUpOrder { plan, is_priced, scratch, data, .. } = order;
    let arm = &plan.arms[0];
    let program = Program::of(environment, &arm.opencode, &data.join("programs"));
    let program = program.map_err(|error| error.to_string())?;
    let mut task = plan.tasks[0].clone();
    // Each run has its own, and it may take long. What the task is counts only for runs.
    task.setup.clear();
    task.sha256.clear();
    // What OpenCode reads of a template in git is known only once it is here.
    let is_needed = *is_priced && matches!(task.template, Template::Git { .. });
    if !is_needed {
        task.template = Template::Empty;
    }
    let site = Site {
        plan,
        task: &task,
        overlay: None,
        opencode: Some(&program.path),
        scratch,
        environment,
        is_alone: true,
        is_stopped,
    };
    Workspace::create(&site).map_err(|trouble| trouble.message)?;
    if let (Template::Directory(directory), true) = (&plan.tasks[0].template, is_priced) {
        lay_settings(&site, directory)?;
    }
    if let Some(overlay) = &arm.overlay {
        lay(&site, overlay, &|_| false)?;
    }
    surroundings::copy_keys(&site, secrets).map_err(|error| error.message)?;
    let mut agent = AgentOrder { prompt: None, ..AgentOrder::first(&site) };
    agent.limits.wall_s = QUESTIONS_S;
    let variables = surroundings::variables(&site, &surroundings::data(&site, data));
    let ended = child::run(&site, &agent, &variables, &scratch.join(AGENT_LOG));
    child::end_all(&site);
    ended.map_err(|trouble| trouble.message)?;
    let price = artifacts::document(&site.outbox().join("price.json"));
    if price.is_object() {
        return Ok(price);
    }
    let end = artifacts::document(&site.outbox().join("end.json"));
    Err(end["message"].as_str().unwrap_or("its process ended before the server answered").into())
}
