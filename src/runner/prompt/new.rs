//! Opens a conversation without a prompt: `new`.

use super::check::{Names, check};
use super::workplace::check_workplace;
use crate::client::wire::{ModelName, NewConversation, OpenedConversation, OwnMetadata, OwnModel};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::deny_occtl::no_occtl;
use crate::runner::conversation::find;
use crate::runner::conversation::own_rules::open_as;
use crate::runner::environment::Environment;
use crate::runner::session::server::Server;

/// What a new conversation is to be.
#[derive(Clone, Debug, Default)]
pub struct NewOptions {
    /// By default the model writes one at the first prompt.
    pub title: Option<String>,
    /// The agent of its prompts, unless they name another one.
    pub agent: Option<String>,
    /// The model of its prompts, unless they or their agent name another one.
    pub model: Option<ModelName>,
    /// The same from the environment, for a conversation without an agent.
    pub default_model: Option<ModelName>,
    /// A word for the conversation above it.
    pub parent: Option<String>,
}

/// A conversation that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// As the server has it; untrusted text.
    pub title: Option<String>,
    /// `ses_…`.
    pub parent: Option<String>,
    /// The agent of its prompts, if that is its own.
    pub agent: Option<String>,
    /// The model of its prompts, if that is its own.
    pub model: Option<ModelName>,
}

/// Opens a conversation. Servers take any agent, model and parent, so they are checked before.
pub fn open_conversation(context: &Context, word: &str, options: &NewOptions) -> Result<Opened> {
    Server::with(context, word, |server| {
        let opened = open_in(server, options)?;
        server.note_use(context, Some(&opened.conversation));
        Ok(opened)
    })
}

fn open_in(server: &Server, options: &NewOptions) -> Result<Opened> {
    let NewOptions { title, agent, parent, .. } = options;
    let has_agent = agent.is_some() || server.record.agent.is_some();
    let default = options.default_model.as_ref().filter(|_| !has_agent);
    let model = options.model.as_ref().or(default);
    let parent = parent.as_deref().map(|word| find::by_id(server, word)).transpose()?;
    let directory = parent.as_ref().map_or(&server.directory, |parent| &parent.directory);
    check_workplace(server, directory)?;
    let names = Names { agent: agent.clone(), model: model.cloned(), variant: None };
    check(server, directory, &names).map_err(|error| {
        let by = default.filter(|_| options.model.is_none()).map(|_| Environment::MODEL);
        let Some(by) = by else { return error };
        let message = format!("{by}: {}", error.message);
        error.saying(message)
    })?;
    let allows = server.record.allow_occtl_commands.unwrap_or(false);
    let new = NewConversation {
        title: title.as_deref(),
        parent: parent.as_ref().map(|parent| parent.id.as_str()),
        agent: agent.as_deref(),
        model: model.map(own_model),
        metadata: agent.as_deref().map(OwnMetadata::of_agent),
        permission: if allows { Vec::new() } else { no_occtl() },
    };
    let opened = open_as(server, directory, &new)?;
    keeps(server, directory, &opened, &new)?;
    Ok(Opened {
        session: server.record.id.clone(),
        conversation: opened.id,
        title: opened.title,
        parent: parent.map(|parent| parent.id),
        agent: agent.clone(),
        model: model.cloned(),
    })
}

/// A model in the form that it has for a conversation.
fn own_model(name: &ModelName) -> OwnModel {
    OwnModel { provider: name.provider.clone(), id: name.model.clone() }
}

/// An error if the server did not take the agent or the model; the conversation is deleted then.
/// 1.1 takes neither, and nothing before 1.15 keeps what a client notes of a conversation.
fn keeps(
    server: &Server,
    directory: &str,
    opened: &OpenedConversation,
    new: &NewConversation,
) -> Result<()> {
    let lacks = if new.agent != opened.metadata.agent() {
        "agent"
    } else if new.model.is_some() && new.model != opened.model {
        "model"
    } else {
        return Ok(());
    };
    let version = server.record.opencode_version.as_deref().unwrap_or("of an unknown version");
    let text = format!("OpenCode {version} keeps no {lacks} for a conversation, so there is none");
    let error = Error::unsupported(text).hint(format!("occtl send --{lacks} names it"));
    Err(match server.client.delete(&opened.id, directory) {
        Ok(()) => error,
        Err(failure) => error.hint(format!("{} could not be deleted again: {failure}", opened.id)),
    })
}
