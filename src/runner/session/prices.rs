//! What a step cost, where the server's own sum says it.
//!
//! A server reckons 0 for a model without a price and for an answer whose provider did not report
//! its usage. Such a 0 is not known to be true: only a price of 0 that is stated somewhere is.

use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

use super::server::Server;
use crate::client::Limit;
use crate::client::wire::{Info, Model, Providers};

/// Which models have a price. The server is asked once for each model, and only if a step has cost
/// nothing.
pub struct Prices<'a> {
    server: &'a Server,
    directory: &'a str,
    known: RefCell<BTreeMap<(String, String), bool>>,
}

impl<'a> Prices<'a> {
    /// The prices in a directory. Nothing is asked yet.
    pub fn new(server: &'a Server, directory: &'a str) -> Prices<'a> {
        Prices { server, directory, known: RefCell::default() }
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
