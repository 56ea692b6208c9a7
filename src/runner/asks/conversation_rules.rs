//! Finds out which rules a policy makes for a conversation on a certain server.

use super::imposed::{Given, denies_sub_agents, imposed};
use super::known::{check_names, check_tools, unusual};
use super::policy::Policy;
use super::settings::Unlisted;
use crate::client::Limit;
use crate::client::wire::{Agent, Rule};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::session::version::Version;
use crate::runner::turn::record::HeldRule;
use crate::units::REQUEST_LIMIT;

/// The first version that holds the denials of a conversation against its sub-agents: 1.15.13 does
/// not, 1.18.33 does.
const REACHES_SUB_AGENTS: Version = Version::new(1, 18);

/// For which prompt rules are wanted.
pub struct Occasion<'a> {
    /// The conversation's directory.
    pub directory: &'a str,
    /// The agent that is named, if one is.
    pub agent: Option<&'a str>,
    /// The conversation's own rules; `None` if it is to be opened.
    pub own: Option<&'a [Rule]>,
}

/// What a conversation is to be given.
pub struct Rules {
    /// The rules in their order.
    pub imposed: Vec<HeldRule>,
    /// The agent of the prompt, if the rules depend on it.
    pub agent: Option<String>,
}

/// The rules that the policy makes. An error if the server does not know a permission that it names
/// (exit 2), or cannot hold what it wants (exit 1). Nothing is changed.
pub fn rules_for(
    context: &Context,
    server: &Server,
    occasion: &Occasion,
    policy: &Policy,
) -> Result<Rules> {
    let walled = policy.unlisted != Unlisted::Config;
    let mut given = Given {
        agent: None,
        agents: &[],
        own: occasion.own.unwrap_or_default(),
        reaches_sub_agents: true,
        // A conversation of another client has no such rules, unless a rule of ours made them
        // needed.
        denies_occtl: !server.record.allow_occtl_commands.unwrap_or(false)
            && (walled || occasion.own.is_none()),
    };
    let directory = occasion.directory;
    let unusual = unusual(policy);
    let needs_agents = walled || !unusual.is_empty();
    let agents = if needs_agents { server.client.agents(directory)? } else { Vec::new() };
    check_names(server, directory, &unusual, &agents)?;
    if !walled && policy.deny.is_empty() {
        return Ok(Rules { imposed: imposed(policy, &given), agent: None });
    }
    // Asked anew: an adopted server may be another one than it was.
    let version = server.client.health(REQUEST_LIMIT)?.version;
    given.reaches_sub_agents =
        Version::parse(&version).is_some_and(|version| version >= REACHES_SUB_AGENTS);
    if walled {
        given.agents = &agents;
        given.agent = Some(agent_of(server, directory, &agents, occasion.agent)?);
    }
    let imposed = imposed_or_held(policy, &mut given);
    let rules: Vec<Rule> = imposed.iter().map(|one| one.rule.clone()).collect();
    check_tools(server, directory, policy, &rules, &version)?;
    if denies_sub_agents(policy, &given) {
        (context.say)(&format!(
            "OpenCode {version} does not hold rules against sub-agents: task is denied as well"
        ));
    }
    Ok(Rules { imposed, agent: given.agent.map(|agent| agent.name.clone()) })
}

/// The rules, with those against occtl where the conversation has got them with the others already:
/// then nothing is to be appended, which versions before 1.14 could not do.
fn imposed_or_held(policy: &Policy, given: &mut Given) -> Vec<HeldRule> {
    let denies_occtl = std::mem::replace(&mut given.denies_occtl, true);
    let whole = imposed(policy, given);
    let before = given.own.len().checked_sub(whole.len());
    let held = before.map(|before| &given.own[before..]).unwrap_or_default();
    if denies_occtl || held.iter().eq(whole.iter().map(|one| &one.rule)) {
        return whole;
    }
    given.denies_occtl = false;
    imposed(policy, given)
}

/// The agent that a prompt gets: the one that is named, the configuration's default, or OpenCode's.
pub fn agent_of<'a>(
    server: &Server,
    directory: &str,
    agents: &'a [Agent],
    named: Option<&str>,
) -> Result<&'a Agent> {
    let find = |name: &str| agents.iter().find(|agent| agent.name == name);
    if let Some(name) = named {
        let names: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
        let missing = || Error::not_found(format!("there is no agent {name}"));
        return find(name).ok_or_else(|| missing().hint(names.join(", ")));
    }
    let configuration = server.client.configuration(directory, Limit::Ordinary)?;
    let default = configuration.get("default_agent").and_then(|name| name.as_str());
    let primary =
        |agent: &&Agent| agent.mode.as_deref() != Some("subagent") && agent.hidden != Some(true);
    let found = default.and_then(find).or_else(|| find("build"));
    let found = found.or_else(|| agents.iter().find(primary));
    found.ok_or_else(|| Error::failed("the server has no agent for a prompt"))
}
