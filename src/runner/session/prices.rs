//! What a step cost, where the server's own sum says it.
//!
//! A server reckons 0 for a model without a price and for an answer whose provider did not report
//! its usage. Such a 0 is not known to be true: only a price of 0 that is stated somewhere is.

use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::server::Server;
use crate::client::wire::{Info, Model, ModelName, Providers};
use crate::client::{Answer, Client, Limit};
use crate::error::Result;
use crate::runner::context::Context;

/// The agent that OpenCode takes if neither prompt nor configuration names one.
const DEFAULT_AGENT: &str = "build";

/// What a server says of the price of the model that a prompt would be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceState {
    /// It has one, which may be 0 where that is stated.
    Known,
    /// The model is there, and nothing says what it costs.
    Unknown,
    /// The server has no such model.
    NoModel,
    /// Neither prompt, agent nor configuration names a model: OpenCode would choose one.
    NotNamed,
}

/// Whether it is known what a prompt with this model and this agent costs, with the name of the
/// model. What is `None` is what the configuration says.
pub fn price_state(
    context: &Context,
    session: &str,
    model: Option<&str>,
    agent: Option<&str>,
) -> Result<(Option<String>, PriceState)> {
    let server = Server::open(context, session)?;
    let Server { client, directory, .. } = &server;
    let explain = |failure| server.explain(context, failure);
    let configuration = client.configuration(directory, Limit::Ordinary).map_err(explain)?;
    let name = match model.and_then(named) {
        Some(name) => name,
        None => match of_agent(client, directory, &configuration, agent).map_err(explain)? {
            Some(name) => name,
            None => return Ok((None, PriceState::NotNamed)),
        },
    };
    let ModelName { provider, model } = &name;
    let providers = client.providers(directory, Limit::Ordinary).map_err(explain)?;
    let mut listed = providers.providers.iter().filter(|one| one.id == *provider);
    let state = if !listed.any(|one| one.models.contains_key(model)) {
        PriceState::NoModel
    } else {
        match price(&providers, provider, model) {
            Some(price) if price > 0.0 => PriceState::Known,
            Some(_) if !lacks_price(&configuration, provider, model) => PriceState::Known,
            _ => PriceState::Unknown,
        }
    };
    Ok((Some(format!("{provider}/{model}")), state))
}

/// The model of a prompt that names none: the agent's, or else the configuration's.
fn of_agent(
    client: &Client,
    directory: &str,
    configuration: &Value,
    agent: Option<&str>,
) -> Answer<Option<ModelName>> {
    let usual = configuration["default_agent"].as_str().unwrap_or(DEFAULT_AGENT);
    let name = agent.unwrap_or(usual);
    let agents = client.agents(directory)?;
    let own = agents.into_iter().find(|agent| agent.name == name).and_then(|agent| agent.model);
    let own = own.map(|own| ModelName { provider: own.provider, model: own.model });
    Ok(own.or_else(|| named(configuration["model"].as_str()?)))
}

fn named(name: &str) -> Option<ModelName> {
    let (provider, model) = name.split_once('/')?;
    Some(ModelName { provider: provider.into(), model: model.into() })
}

/// Which models have a price. The server is asked once for each model, and only if a step has cost
/// nothing.
pub struct Prices<'a> {
    server: &'a Server,
    directory: &'a str,
    known: RefCell<BTreeMap<(String, String), bool>>,
    is_asking: Cell<bool>,
}

impl<'a> Prices<'a> {
    /// The prices in a directory. Nothing is asked yet.
    pub fn new(server: &'a Server, directory: &'a str) -> Prices<'a> {
        Prices { server, directory, known: RefCell::default(), is_asking: Cell::new(true) }
    }

    /// From now on a price that was not asked for counts as unknown, because it will not be shown.
    pub fn ask_no_more(&self) {
        self.is_asking.set(false);
    }

    /// US dollars that a step cost; `None` if its model has no price, or no usage was reported.
    /// Each of the two questions may take as long as `limit`.
    pub fn cost(&self, step: &Info, limit: Limit) -> Option<f64> {
        let cost = step.cost?;
        (cost > 0.0 || step.has_usage() && self.has_price(step, limit)).then_some(cost)
    }

    /// Whether the model of a step has a price. False if the server does not say.
    pub fn has_price(&self, step: &Info, limit: Limit) -> bool {
        let model = step.provider.as_deref().zip(step.model.as_deref());
        model.is_some_and(|(provider, model)| self.knows(provider, model, limit))
    }

    /// Whether a model has a price. False if the server does not say.
    pub fn knows(&self, provider: &str, model: &str, limit: Limit) -> bool {
        let key = (provider.to_string(), model.to_string());
        if let Some(known) = self.known.borrow().get(&key) {
            return *known;
        }
        let has_price = self.ask(provider, model, limit).unwrap_or(false);
        self.known.borrow_mut().insert(key, has_price);
        has_price
    }

    /// Asks whether a model has a price; `None` if the server does not say.
    fn ask(&self, provider: &str, model: &str, limit: Limit) -> Option<bool> {
        if !self.is_asking.get() {
            return None;
        }
        let client = &self.server.client;
        let providers = client.providers(self.directory, limit).ok()?;
        let Some(price) = price(&providers, provider, model) else { return Some(false) };
        if price > 0.0 {
            return Some(true);
        }
        let configuration = client.configuration(self.directory, limit).ok()?;
        Some(!lacks_price(&configuration, provider, model))
    }
}

/// The highest price of a model for any of its tokens; `None` if the providers name none.
fn price(providers: &Providers, provider: &str, model: &str) -> Option<f64> {
    let provider = providers.providers.iter().find(|one| one.id == provider)?;
    let Model { cost, .. } = serde_json::from_value(provider.models.get(model)?.clone()).ok()?;
    let prices = [cost.input, cost.output, cost.cache.read, cost.cache.write];
    prices.into_iter().flatten().reduce(f64::max)
}

/// Whether the configuration adds a model without saying what it costs. The providers list such a
/// model with a price of 0 (1.1.11 to 1.18.33). A model that the configuration does not mention has
/// its price from OpenCode's catalogue.
fn lacks_price(configuration: &Value, provider: &str, model: &str) -> bool {
    let models = &configuration["provider"][provider]["models"];
    models.get(model).is_some_and(|model| model["cost"].is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_price_of_nothing_counts_only_where_it_is_stated() {
        let models = json!({
            "paid": {"cost": {"input": 1, "output": 2, "cache": {"read": 0, "write": 0}}},
            "cached": {"cost": {"input": 0, "output": 0, "cache": {"read": 0.1}}},
            "zero": {"cost": {"input": 0, "output": 0}},
            "none": {},
        });
        let providers = json!({"providers": [{"id": "p", "models": models}]});
        let providers: Providers = serde_json::from_value(providers).unwrap();
        let found = ["paid", "cached", "zero", "none", "unknown"];
        let found = found.map(|model| price(&providers, "p", model));
        assert_eq!(found, [Some(2.0), Some(0.1), Some(0.0), None, None]);
        let models = json!({"free": {"cost": {"input": 0, "output": 0}}, "bare": {"name": "x"}});
        let configuration = json!({"provider": {"p": {"models": models}}});
        let lacking = ["free", "bare", "catalogue"];
        let lacking = lacking.map(|model| lacks_price(&configuration, "p", model));
        assert_eq!(lacking, [false, true, false]);
    }
}
