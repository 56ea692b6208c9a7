//! Checks agent, model and variant before a prompt is sent. A server takes a prompt with an unknown
//! one and then says nothing, takes the default agent instead, or ignores the variant.

use super::options::PromptOptions;
use crate::client::wire::{Agent, Model, ModelName, Providers};
use crate::error::{Code, Error, Result};
use crate::runner::nearest::nearest;
use crate::runner::session::server::Server;

/// Checks what the options name; asks for nothing else.
pub fn check(server: &Server, directory: &str, options: &PromptOptions) -> Result<()> {
    let session = &server.record.id;
    let agent = options.agent.as_deref().or(server.record.agent.as_deref());
    let agents = match agent {
        Some(_) => server.client.agents(directory)?,
        None => Vec::new(),
    };
    let agent = agent.map(|name| find_agent(session, &agents, name)).transpose()?;
    let of_agent = agent
        .and_then(|agent| agent.model.as_ref())
        .map(|model| ModelName { provider: model.provider.clone(), model: model.model.clone() });
    let model = options.model.clone().or(of_agent);
    if options.model.is_none() && options.variant.is_none() {
        return Ok(());
    }
    let providers = server.client.providers(directory)?;
    let Some(model) = model.or_else(|| default_model(server, directory)) else { return Ok(()) };
    let found = find_model(session, &providers, &model)?;
    match &options.variant {
        Some(variant) => check_variant(&model, &found, variant),
        None => Ok(()),
    }
}

fn find_agent<'a>(session: &str, agents: &'a [Agent], name: &str) -> Result<&'a Agent> {
    agents.iter().find(|agent| agent.name == name).ok_or_else(|| {
        let names = agents.iter().filter(|one| one.hidden != Some(true)).map(|one| &*one.name);
        unknown(
            format!("the server has no agent {name}"),
            name,
            names,
            &format!("occtl agents {session}"),
        )
    })
}

fn find_model(session: &str, providers: &Providers, name: &ModelName) -> Result<Model> {
    let all = format!("occtl models {session}");
    let (id, model) = (&name.provider, &name.model);
    let Some(provider) = providers.providers.iter().find(|one| one.id == *id) else {
        let names = providers.providers.iter().map(|one| &*one.id);
        return Err(unknown(format!("the server has no provider {id}"), id, names, &all));
    };
    match provider.models.get(model) {
        Some(found) => Ok(serde_json::from_value(found.clone()).unwrap_or_default()),
        None => {
            let names = provider.models.keys().map(|key| &**key);
            Err(unknown(format!("provider {id} has no model {model}"), model, names, &all))
        }
    }
}

fn check_variant(name: &ModelName, model: &Model, variant: &str) -> Result<()> {
    if model.variants.contains_key(variant) {
        return Ok(());
    }
    let what = format!("model {}/{} has no variant {variant}", name.provider, name.model);
    let names: Vec<&str> = model.variants.keys().map(|key| &**key).collect();
    let hint = if names.is_empty() { "it has none".into() } else { names.join(", ") };
    Err(Error::new(Code::TurnFailed, what).hint(hint))
}

/// The model that a prompt without one would use; `None` if the configuration does not say.
fn default_model(server: &Server, directory: &str) -> Option<ModelName> {
    let configuration = server.client.configuration(directory).ok()?;
    let (provider, model) = configuration.get("model")?.as_str()?.split_once('/')?;
    Some(ModelName { provider: provider.into(), model: model.into() })
}

fn unknown<'a>(what: String, word: &str, names: impl Iterator<Item = &'a str>, all: &str) -> Error {
    let error = Error::new(Code::TurnFailed, what);
    match nearest(word, names) {
        Some(name) => error.hint(format!("did you mean {name}?")),
        None => error.hint(format!("{all} lists them")),
    }
}
