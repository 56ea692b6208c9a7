//! What would become of a command: `test-permission`.

use super::conversation_rules::{Occasion, Rules, agent_of, rules_for};
use super::policy::{Policy, Ruling};
use super::policy_file::PolicyFlags;
use super::rules::decide;
use super::settings::Otherwise;
use super::shell::commands;
use crate::client::wire::Rule;
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::conversation::find::by_id;
use crate::runner::conversation::own_rules::own_rules;
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

/// What is to be found out.
#[derive(Clone, Debug)]
pub struct Question {
    /// For example `bash`.
    pub permission: String,
    /// What would be done, for example a line of shell.
    pub text: String,
    /// Default: the agent that a prompt without one gets.
    pub agent: Option<String>,
    /// In which conversation; `None` for a new one.
    pub conversation: Option<String>,
}

/// Decides by the agent's resolved rules, by those of the conversation, and by those that `occtl
/// send` would give it with these flags.
pub fn test_permission(
    context: &Context,
    session: &str,
    question: &Question,
    flags: &PolicyFlags,
) -> Result<Trial> {
    let policy = Policy::new(flags, Otherwise::Wait)?;
    Server::with(context, session, |server| try_out(context, server, question, &policy))
}

fn try_out(
    context: &Context,
    server: &Server,
    question: &Question,
    policy: &Policy,
) -> Result<Trial> {
    let version = server.record.opencode_version.as_deref();
    if version.and_then(Version::parse).is_some_and(|version| version < SAME_PATTERNS) {
        (context.say)(
            "warning: OpenCode 1.1 reads patterns in ways of its own, so this may be wrong",
        );
    }
    let given = question.conversation.as_deref().map(|id| by_id(server, id)).transpose()?;
    let directory = given.as_ref().map_or(&server.directory, |place| &place.directory);
    let own = given.as_ref().map(|place| own_rules(server, place)).transpose()?;
    let agents = server.client.agents(directory)?;
    let own_agent = given.as_ref().and_then(|place| place.agent.as_deref());
    let named = question.agent.as_deref().or(own_agent).or(server.record.agent.as_deref());
    let agent = agent_of(server, directory, &agents, named)?;
    let occasion = Occasion { directory, agent: Some(&agent.name), own: own.as_deref() };
    let Rules { imposed, .. } = rules_for(context, server, &occasion, policy)?;
    let mut rules = agent.permission.clone();
    rules.extend(own.unwrap_or_default());
    rules.extend(imposed.into_iter().map(|one| one.rule));
    let patterns = match question.permission.as_str() {
        "bash" => commands(&question.text),
        _ => vec![question.text.clone()],
    };
    let permission = &question.permission;
    let mut pieces: Vec<Piece> =
        patterns.iter().map(|pattern| piece(&rules, permission, pattern.clone())).collect();
    if pieces.iter().any(|piece| piece.verdict == Verdict::Ask) {
        answer(policy, permission, &patterns, &mut pieces);
    }
    // Of equals the first: that is the one whose rule the server names.
    let decisive = pieces.iter().rev().max_by_key(|piece| piece.verdict).cloned();
    let verdict = decisive.as_ref().map_or(Verdict::Allow, |piece| piece.verdict);
    Ok(Trial { verdict, decisive, pieces, agent: agent.name.clone() })
}

/// Gives what is asked for the answer of `--allow`. The server asks once, about everything.
fn answer(policy: &Policy, permission: &str, patterns: &[String], pieces: &mut [Piece]) {
    if !matches!(policy.by_rule(permission, patterns), Some(Ruling::Approve { .. })) {
        return;
    }
    for piece in pieces.iter_mut().filter(|piece| piece.verdict == Verdict::Ask) {
        piece.verdict = Verdict::Allow;
        piece.rule = decide(&policy.allow, permission, &piece.pattern).cloned();
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::conversation::deny_occtl::no_occtl;

    fn is_denied(line: &str) -> bool {
        let rules = no_occtl();
        commands(line).iter().any(|command| decide(&rules, "bash", command).is_some())
    }

    #[test]
    fn what_runs_occtl_is_denied() {
        for line in [
            "occtl",
            "occtl list | cat",
            "echo a && occtl list",
            "echo $(occtl list)",
            "occtl>out",
            "X=1 occtl list",
            "OCCTL_DATA_DIR=/tmp/x TZ=UTC occtl list",
            "/usr/local/bin/occtl list",
            "./occtl",
            "../target/release/occtl list",
            "~/bin/occtl list",
            "\"$HOME/bin/occtl\" list",
            "target/release/occtl list",
            "\\occtl list",
            "bash -lc 'cd . && occtl list'",
            "sh -c 'true; occtl'",
            "/bin/sh -c \"/usr/bin/occtl list\"",
            "env -i PATH=/bin occtl list",
            "timeout 120s occtl run x",
            "nice -n 10 occtl run x",
            "sudo -E occtl list",
            "echo list | xargs -n 1 occtl",
            "ls | xargs -I{} occtl stop {}",
            "eval 'occtl list'",
            "bash -s <<X\necho a\nocctl list\nX",
        ] {
            assert!(is_denied(line), "{line}");
        }
    }

    #[test]
    fn what_only_names_occtl_is_not_denied() {
        for line in [
            "ls /srv/occtl",
            "cd /srv/occtl && git status",
            "git clone https://example.com/x/occtl /tmp/y",
            "git clone https://example.com/x/occtl",
            "cat docs/occtl notes",
            "command -v occtl",
            "which occtl",
            "make occtl",
            "make V=1 occtl",
            "V=1 make occtl",
            "time make occtl all",
            "timeout 300 make occtl",
            "sudo apt install occtl -y",
            "bash -c \"echo occtl\"",
            "sh -ec 'grep occtl README.md'",
            "FOO=1 echo hi occtl x",
            "cargo build --features=x -p occtl",
            "git commit --author=me -m 'Teach occtl to count'",
            "git ls-files | xargs grep occtl",
            "git ls-files -z | xargs -0 grep -l occtl",
            "cat > run.sh <<X\nocctl list\nX",
            "rm -rf build/occtl",
            "./occtl.sh",
        ] {
            assert!(!is_denied(line), "{line}");
        }
    }
}
