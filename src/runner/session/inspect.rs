//! What a session's server offers and how it is configured.

use serde_json::Value;

use super::secrets::mask;
use super::server::Server;
use crate::client::Limit;
use crate::client::wire::{Agent, Model, OwnCommand};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::sorting;

/// One model of a session's server.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    /// The provider.
    pub provider: String,
    /// The id within the provider; may contain slashes.
    pub id: String,
    /// Name, prices, sizes.
    pub model: Model,
}

/// The models that a session's server can use, by provider and id.
pub fn models(context: &Context, session: &str) -> Result<Vec<ModelFacts>> {
    let server = Server::open(context, session)?;
    let found = server.client.providers(&server.directory, Limit::Ordinary);
    let found = found.map_err(|failure| server.explain(context, failure))?;
    let mut models = Vec::new();
    for provider in found.providers {
        for (id, value) in provider.models {
            let model = serde_json::from_value(value).unwrap_or_default();
            models.push(ModelFacts { provider: provider.id.clone(), id, model });
        }
    }
    sorting::sort_by(&mut models, |a, b| (&a.provider, &a.id).cmp(&(&b.provider, &b.id)));
    Ok(models)
}

/// The agents of a session's server.
pub fn agents(context: &Context, session: &str) -> Result<Vec<Agent>> {
    let server = Server::open(context, session)?;
    let found = server.client.agents(&server.directory);
    found.map_err(|failure| server.explain(context, failure))
}

/// OpenCode's own commands on a session's server, sorted by name.
pub fn commands(context: &Context, session: &str) -> Result<Vec<OwnCommand>> {
    Server::with(context, session, |server| {
        let mut found = own_commands(server, &server.directory)?;
        sorting::sort_by(&mut found, |a, b| a.name.cmp(&b.name));
        Ok(found)
    })
}

/// OpenCode's own commands in a directory. An error where the server's version has none.
pub fn own_commands(server: &Server, directory: &str) -> Result<Vec<OwnCommand>> {
    server.client.commands(directory).map_err(|failure| {
        if failure.lacks_route() {
            let version = server.record.opencode_version.as_deref().unwrap_or("of this server");
            return Error::unsupported(format!("OpenCode {version} has no commands: {failure}"));
        }
        failure.into()
    })
}

/// The resolved configuration of a session's server. Secrets are masked unless `secrets` is true.
pub fn configuration(context: &Context, session: &str, secrets: bool) -> Result<Value> {
    let server = Server::open(context, session)?;
    let found = server.client.configuration(&server.directory, Limit::Ordinary);
    let mut found = found.map_err(|failure| server.explain(context, failure))?;
    if !secrets {
        mask(&mut found);
    }
    Ok(found)
}
