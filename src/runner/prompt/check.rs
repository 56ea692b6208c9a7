//! Checks agent, model and variant before a prompt is sent. A server accepts a prompt in which one
//! of them is unknown, and then never answers, uses the default agent instead, or ignores the
//! variant.

use crate::client::Limit;
use crate::client::wire::{Agent, Model, ModelName, Providers};
use crate::error::{Code, Error, Reason, Result};
use crate::runner::nearest::nearest;
use crate::runner::session::server::Server;

/// What a prompt names.
#[derive(Clone, Debug)]
pub struct Names {
    /// The agent, if one is named.
    pub agent: Option<String>,
    /// The model, if one is named.
    pub model: Option<ModelName>,
    /// The model's variant, if one is named.
    pub variant: Option<String>,
}

/// Checks what a prompt names. For what it does not name, the server is not asked.
pub fn check(server: &Server, directory: &str, names: &Names) -> Result<()> {
    let session = &server.record.id;
    let mut model = names.model.clone();
    if let Some(name) = names.agent.as_deref() {
        let agents = server.client.agents(directory)?;
        let agent = find_agent(session, &agents, name)?;
        let own = agent.model.clone();
        let own = own.map(|own| ModelName { provider: own.provider, model: own.model });
        model = model.or(own);
    }
    if names.model.is_none() && names.variant.is_none() {
        return Ok(());
    }
    let providers = server.client.providers(directory, Limit::Ordinary)?;
    let Some(model) = model.or_else(|| default_model(server, directory)) else { return Ok(()) };
    let found = find_model(session, &providers, &model)?;
    match &names.variant {
        Some(variant) => check_variant(&model, &found, variant),
        None => Ok(()),
    }
}

fn find_agent<'a>(session: &str, agents: &'a [Agent], name: &str) -> Result<&'a Agent> {
    agents.iter().find(|agent| agent.name == name).ok_or_else(|| {
        let shown = agents.iter().filter(|agent| agent.hidden != Some(true));
        let names = shown.map(|agent| agent.name.as_str());
        let what = format!("the server has no agent {name}");
        unknown(what, name, names, &format!("occtl agents {session}"))
    })
}

fn find_model(session: &str, providers: &Providers, name: &ModelName) -> Result<Model> {
    let all = format!("occtl models {session}");
    let ModelName { provider: id, model } = name;
    let Some(provider) = providers.providers.iter().find(|one| one.id == *id) else {
        let names = providers.providers.iter().map(|one| one.id.as_str());
        return Err(unknown(format!("the server has no provider {id}"), id, names, &all));
    };
    let Some(found) = provider.models.get(model) else {
        let names = provider.models.keys().map(String::as_str);
        return Err(unknown(format!("provider {id} has no model {model}"), model, names, &all));
    };
    Ok(serde_json::from_value(found.clone()).unwrap_or_default())
}

fn check_variant(name: &ModelName, model: &Model, variant: &str) -> Result<()> {
    if model.variants.contains_key(variant) {
        return Ok(());
    }
    let what = format!("model {}/{} has no variant {variant}", name.provider, name.model);
    let names: Vec<&str> = model.variants.keys().map(String::as_str).collect();
    let hint = if names.is_empty() { "it has none".into() } else { names.join(", ") };
    Err(not_there(what).hint(hint))
}

/// The model of a prompt that names none; `None` if the configuration does not say.
pub fn default_model(server: &Server, directory: &str) -> Option<ModelName> {
    let configuration = server.client.configuration(directory, Limit::Ordinary).ok()?;
    let (provider, model) = configuration.get("model")?.as_str()?.split_once('/')?;
    Some(ModelName { provider: provider.into(), model: model.into() })
}

fn not_there(what: String) -> Error {
    Error::new(Code::TurnFailed, what).because(Reason::Unknown)
}

/// The error for a name that the server does not know; `all` is the command that lists the names.
fn unknown<'a>(what: String, word: &str, names: impl Iterator<Item = &'a str>, all: &str) -> Error {
    let error = not_there(what);
    match nearest(word, names) {
        Some(name) => error.hint(format!("did you mean {name}?")),
        None => error.hint(format!("{all} lists them")),
    }
}
