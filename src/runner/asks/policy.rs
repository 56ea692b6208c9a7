//! What is answered to a turn that asks, and by which rule.

use std::path::Path;

use serde::Deserialize;

use super::rules;
use crate::client::wire::Rule;
use crate::error::{Error, Result};
use crate::process;
use crate::runner::turn::record::Ask;
use crate::units::REQUEST_LIMIT;

/// The largest policy, in bytes.
const LARGEST_POLICY: usize = 1 << 20;

/// What to do with an ask that no rule settles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnAsk {
    /// Leave it to a person or another program.
    #[default]
    Wait,
    /// Abort the turn.
    Fail,
    /// Say no.
    Reject,
    /// Say yes, this once.
    Approve,
}

/// The answers that are given without a person.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// For permissions.
    pub on_permission: OnAsk,
    /// For questions.
    pub on_question: OnAsk,
    /// First what is allowed and then what is denied: the last rule that matches wins.
    rules: Vec<Rule>,
}

/// What a policy says of one ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Answer it so; `by` is the flag or rule that says so.
    Reply {
        /// `once` or `reject`.
        reply: &'static str,
        /// For the record and for the model.
        by: String,
    },
    /// Abort the turn.
    Fail {
        /// For the record.
        by: String,
    },
    /// Let it be.
    Wait,
}

/// A policy as a file holds it. Keys that are not known are mistakes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    on_permission: Option<OnAsk>,
    #[serde(default)]
    on_question: Option<OnAsk>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
}

/// What flags say of a policy.
#[derive(Clone, Debug, Default)]
pub struct PolicyFlags {
    /// `--on-permission`.
    pub on_permission: Option<OnAsk>,
    /// `--on-question`.
    pub on_question: Option<OnAsk>,
    /// `--allow`, as `permission:pattern`.
    pub allow: Vec<String>,
    /// `--deny`.
    pub deny: Vec<String>,
    /// `--policy`.
    pub file: Option<std::path::PathBuf>,
}

impl Policy {
    /// Puts flags and file together: a flag goes before the file, rules of both count, and a denial
    /// wins wherever it is. `otherwise` is for what neither settles.
    pub fn new(flags: &PolicyFlags, otherwise: OnAsk) -> Result<Policy> {
        let file = flags.file.as_deref().map(read).transpose()?;
        let (file_allow, file_deny) =
            file.as_ref().map_or((&[][..], &[][..]), |file| (&file.allow, &file.deny));
        let mut rules = Vec::new();
        for (texts, action) in [
            (file_allow, "allow"),
            (flags.allow.as_slice(), "allow"),
            (file_deny, "deny"),
            (flags.deny.as_slice(), "deny"),
        ] {
            for text in texts {
                rules.push(rule(text, action)?);
            }
        }
        let from_file = |pick: fn(&File) -> Option<OnAsk>| file.as_ref().and_then(pick);
        Ok(Policy {
            on_permission: flags
                .on_permission
                .or(from_file(|file| file.on_permission))
                .unwrap_or(otherwise),
            on_question: flags
                .on_question
                .or(from_file(|file| file.on_question))
                .unwrap_or(otherwise),
            rules,
        })
    }

    /// What to do with an ask.
    pub fn decide(&self, ask: &Ask) -> Decision {
        let permission = ask.permission.as_deref().unwrap_or_default();
        let (on, flag) = match ask.permission {
            Some(_) => (self.on_permission, "--on-permission"),
            None => (self.on_question, "--on-question"),
        };
        if ask.permission.is_some()
            && let Some(decision) = self.by_rule(permission, &ask.patterns)
        {
            return decision;
        }
        match on {
            OnAsk::Wait => Decision::Wait,
            OnAsk::Fail => Decision::Fail { by: format!("{flag} fail") },
            OnAsk::Reject => reply("reject", format!("{flag} reject")),
            OnAsk::Approve => reply("once", format!("{flag} approve")),
        }
    }

    /// One denied pattern denies the ask; it is allowed only if every pattern is.
    fn by_rule(&self, permission: &str, patterns: &[String]) -> Option<Decision> {
        let whole = [String::new()];
        let patterns = if patterns.is_empty() { &whole[..] } else { patterns };
        let found: Vec<Option<&Rule>> = patterns
            .iter()
            .map(|pattern| rules::decide(&self.rules, permission, pattern))
            .collect();
        let denied = found.iter().flatten().find(|rule| rule.action == "deny");
        if let Some(rule) = denied {
            return Some(reply("reject", format!("--deny {}", shown(rule))));
        }
        let allowed: Option<Vec<&Rule>> = found.into_iter().collect();
        let rule = allowed?.into_iter().next()?;
        Some(reply("once", format!("--allow {}", shown(rule))))
    }
}

fn reply(reply: &'static str, by: String) -> Decision {
    Decision::Reply { reply, by }
}

fn shown(rule: &Rule) -> String {
    format!("{}:{}", rule.permission, rule.pattern)
}

/// `permission:pattern`, or a permission alone for all of it.
fn rule(text: &str, action: &str) -> Result<Rule> {
    let (permission, pattern) = text.split_once(':').unwrap_or((text, "*"));
    if permission.is_empty() || pattern.is_empty() {
        return Err(Error::usage(format!("--{action} cannot be {text:?}"))
            .hint("PERMISSION:PATTERN, for example 'bash:git *', or PERMISSION alone"));
    }
    Ok(Rule { permission: permission.into(), pattern: pattern.into(), action: action.into() })
}

/// What a policy file looks like, for the error about one that is not.
const EXAMPLE: &str = concat!(
    r#"for example {"on_permission": "fail", "allow": ["bash:git *"], "#,
    r#""deny": ["bash:git push*"]}"#
);

fn read(path: &Path) -> Result<File> {
    let shown = path.display();
    let text = process::read_text(path, LARGEST_POLICY, REQUEST_LIMIT)
        .map_err(|error| Error::not_found(format!("cannot read the policy {shown}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!("the policy {shown} is not one: {error}")).hint(EXAMPLE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str], deny: &[&str], otherwise: OnAsk) -> Policy {
        let texts = |list: &[&str]| list.iter().map(|text| text.to_string()).collect();
        let flags =
            PolicyFlags { allow: texts(allow), deny: texts(deny), ..PolicyFlags::default() };
        Policy::new(&flags, otherwise).unwrap()
    }

    fn ask(permission: Option<&str>, patterns: &[&str]) -> Ask {
        Ask {
            id: "per_1".into(),
            kind: "permission",
            permission: permission.map(String::from),
            patterns: patterns.iter().map(|text| text.to_string()).collect(),
            decision: "pending".into(),
            by: None,
            conversation: "ses_1".into(),
        }
    }

    #[test]
    fn a_denial_wins_and_an_ask_is_allowed_only_as_a_whole() {
        let policy = policy(&["bash:git *", "edit"], &["bash:git push*"], OnAsk::Fail);
        let decide =
            |permission, patterns: &[&str]| policy.decide(&ask(Some(permission), patterns));
        let allowed = reply("once", "--allow bash:git *".into());
        assert_eq!(decide("bash", &["git status"]), allowed);
        let denied = reply("reject", "--deny bash:git push*".into());
        assert_eq!(decide("bash", &["git push -f"]), denied);
        assert_eq!(decide("bash", &["git status", "git push"]), denied);
        let failed = Decision::Fail { by: "--on-permission fail".into() };
        assert_eq!(decide("bash", &["git status", "rm -rf /"]), failed);
        assert_eq!(decide("edit", &["/srv/x"]), reply("once", "--allow edit:*".into()));
        assert_eq!(decide("edit", &[]), reply("once", "--allow edit:*".into()));
    }

    #[test]
    fn questions_have_an_answer_of_their_own_and_no_rules() {
        let policy = policy(&["*"], &[], OnAsk::Wait);
        assert_eq!(policy.decide(&ask(None, &[])), Decision::Wait);
    }

    #[test]
    fn a_rule_that_says_nothing_is_a_usage_error() {
        for text in ["", ":x", "bash:"] {
            let flags = PolicyFlags { allow: vec![text.into()], ..PolicyFlags::default() };
            assert_eq!(Policy::new(&flags, OnAsk::Wait).unwrap_err().code.exit(), 2, "{text}");
        }
    }
}
