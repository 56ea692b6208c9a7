//! What would become of a command: `test-permission`.

use super::rules::decide;
use super::shell::commands;
use crate::client::wire::{Agent, Rule};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::deny_occtl::no_occtl;
use crate::runner::session::server::Server;
use crate::runner::session::version::Version;

/// The first version of which the answers were all right.
const SAME_PATTERNS: Version = Version::new(1, 2);

/// What OpenCode would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Run it.
    Allow,
    /// Ask for permission.
    Ask,
    /// Refuse it.
    Deny,
}

impl Verdict {
    /// The word of a rule.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Ask => "ask",
            Verdict::Deny => "deny",
        }
    }
}

/// The answer to one question about permissions.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What would happen to the whole.
    pub verdict: Verdict,
    /// The piece that decides: one command of several. `None` if nothing of it is asked about.
    pub decisive: Option<Piece>,
    /// Every piece with its own answer.
    pub pieces: Vec<Piece>,
    /// The agent whose rules were used.
    pub agent: String,
}

/// One thing that OpenCode looks at by itself.
#[derive(Clone, Debug)]
pub struct Piece {
    /// For example one command of `a && b`.
    pub pattern: String,
    /// What would happen to it.
    pub verdict: Verdict,
    /// The rule that says so; without one OpenCode asks.
    pub rule: Option<Rule>,
}

/// Decides by the agent's resolved rules, and by those of the conversations that occtl opens.
pub fn test_permission(
    context: &Context,
    session: &str,
    permission: &str,
    text: &str,
    agent: &str,
) -> Result<Trial> {
    let server = Server::open(context, session)?;
    let version = server.record.opencode_version.as_deref();
    if version.and_then(Version::parse).is_some_and(|version| version < SAME_PATTERNS) {
        (context.say)(
            "warning: OpenCode 1.1 reads patterns in ways of its own, so this may be wrong",
        );
    }
    let agent = find(server.client.agents(&server.directory)?, agent)?;
    let mut rules = agent.permission;
    if !server.record.allow_occtl_commands.unwrap_or(false) {
        rules.extend(no_occtl());
    }
    let patterns = match permission {
        "bash" => commands(text),
        _ => vec![text.to_string()],
    };
    let pieces: Vec<Piece> =
        patterns.into_iter().map(|pattern| piece(&rules, permission, pattern)).collect();
    // Of equals the first: that is the one whose rule the server names.
    let decisive = pieces.iter().rev().max_by_key(|piece| piece.verdict).cloned();
    let verdict = decisive.as_ref().map_or(Verdict::Allow, |piece| piece.verdict);
    Ok(Trial { verdict, decisive, pieces, agent: agent.name })
}

fn piece(rules: &[Rule], permission: &str, pattern: String) -> Piece {
    let rule = decide(rules, permission, &pattern).cloned();
    let verdict = match rule.as_ref().map(|rule| rule.action.as_str()) {
        Some("allow") => Verdict::Allow,
        Some("deny") => Verdict::Deny,
        _ => Verdict::Ask,
    };
    Piece { pattern, verdict, rule }
}

fn find(agents: Vec<Agent>, name: &str) -> Result<Agent> {
    let names: Vec<String> = agents.iter().map(|agent| agent.name.clone()).collect();
    agents
        .into_iter()
        .find(|agent| agent.name == name)
        .ok_or_else(|| Error::not_found(format!("there is no agent {name}")).hint(names.join(", ")))
}
