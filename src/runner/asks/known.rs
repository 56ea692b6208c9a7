//! What a server knows of permissions: whether it has one, and whether it can hold a rule for it.

use super::policy::Policy;
use super::rules::{deny_all, matches};
use super::settings::Unlisted;
use crate::client::Limit;
use crate::client::wire::{Agent, Rule};
use crate::error::{Error, Result};
use crate::runner::nearest::nearest;
use crate::runner::session::server::Server;
use crate::runner::session::version::Version;

/// Permissions that every version from 1.1.11 to 1.18.33 lists in its configuration's schema, or
/// asks for. Whether a server has any other one it must be asked.
const EVERYWHERE: [&str; 15] = [
    "bash",
    "doom_loop",
    "edit",
    "external_directory",
    "glob",
    "grep",
    "list",
    "lsp",
    "question",
    "read",
    "skill",
    "task",
    "todowrite",
    "webfetch",
    "websearch",
];

/// Tools of OpenCode's own that are not in [`EVERYWHERE`]. All others are made by the configuration
/// or a plugin, and OpenCode never asks before it runs those.
const BUILT_IN: [&str; 10] = [
    "apply_patch",
    "batch",
    "codesearch",
    "invalid",
    "plan_enter",
    "plan_exit",
    "repo_clone",
    "repo_overview",
    "todoread",
    "write",
];

/// The first version of which a rule of a conversation takes a tool away from the model: 1.2.27
/// does not, 1.3.2 does.
const TAKES_TOOLS_AWAY: Version = Version::new(1, 3);

/// The rules whose permission only the server can know. A name with a wildcard in it is not
/// checked.
pub fn unusual(policy: &Policy) -> Vec<&Rule> {
    let is_unusual = |rule: &&Rule| {
        let name = rule.permission.as_str();
        !name.contains(['*', '?']) && !EVERYWHERE.contains(&name)
    };
    policy.allow.iter().chain(&policy.deny).filter(is_unusual).collect()
}

/// Checks that the server knows the permission of each rule.
pub fn check_names(
    server: &Server,
    directory: &str,
    rules: &[&Rule],
    agents: &[Agent],
) -> Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    let mut names = server.client.tool_names(directory)?;
    names.retain(|name| !["invalid", "write", "apply_patch"].contains(&name.as_str()));
    names.extend(agents.iter().flat_map(|one| &one.permission).map(|rule| rule.permission.clone()));
    names.extend(EVERYWHERE.map(String::from));
    let servers = server.client.mcp_servers(directory, Limit::Ordinary)?;
    for rule in rules {
        let name = rule.permission.as_str();
        let of_mcp = |server: &String| name.starts_with(&format!("{}_", sanitised(server)));
        if names.iter().any(|known| known == name) || servers.keys().any(of_mcp) {
            continue;
        }
        let what =
            format!("--{} cannot be {name:?}: the server has no such permission", rule.action);
        let meant = nearest(name, names.iter().map(String::as_str));
        let program = format!("a program {name} would be 'bash:{name} *'");
        let hint = meant.map_or(program, |name| format!("did you mean {name}?"));
        return Err(Error::usage(what).hint(hint));
    }
    Ok(())
}

/// As OpenCode writes the name of an MCP server in the names of its tools.
fn sanitised(server: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    server.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect()
}

/// Checks that the server can keep the model from what is denied or wants an ask.
///
/// For tools that are not OpenCode's own there are no asks: such a tool can only be taken away,
/// from 1.3 on. The same holds for `question`. `rules` are those that the policy makes.
pub fn check_tools(
    server: &Server,
    directory: &str,
    policy: &Policy,
    rules: &[Rule],
    version: &str,
) -> Result<()> {
    let taken_away = Version::parse(version).is_some_and(|version| version >= TAKES_TOOLS_AWAY);
    if !taken_away && policy.deny.iter().any(|rule| rule.permission == "question") {
        let what = format!("OpenCode {version} does not keep the model from asking questions");
        return Err(Error::unsupported(what).hint("--on-question reject refuses to answer them"));
    }
    let in_question = policy.unlisted != Unlisted::Config
        || policy.deny.iter().any(|rule| !EVERYWHERE.contains(&rule.permission.as_str()));
    if !in_question {
        return Ok(());
    }
    let mut tools = server.client.tool_names(directory)?;
    tools.retain(|name| ![&EVERYWHERE[..], &BUILT_IN].concat().contains(&name.as_str()));
    for tool in tools {
        let of = |rule: &&Rule| matches(&rule.permission, &tool);
        let allowed = policy.allow.iter().filter(of).any(|rule| rule.pattern == "*");
        let walled = policy.unlisted != Unlisted::Config && !allowed;
        if !walled && !policy.deny.iter().any(|rule| of(&rule)) {
            continue;
        }
        if !(taken_away && deny_all(rules, &tool)) {
            return Err(runs_unasked(&tool, taken_away, version));
        }
    }
    Ok(())
}

fn runs_unasked(tool: &str, taken_away: bool, version: &str) -> Error {
    let what = format!("OpenCode {version} never asks before it runs the tool {tool}");
    if taken_away {
        let way = format!("--allow {tool} lets it run, --deny {tool} takes it away");
        Error::unsupported(what).hint(way)
    } else {
        let what = format!("{what}, and cannot take it away");
        Error::unsupported(what).hint(format!("only with --allow {tool}, or from 1.3 on"))
    }
}
