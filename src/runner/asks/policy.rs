//! What is answered to a turn that asks, and by which rule.

use super::policy_file::{PolicyFlags, read};
use super::rules;
use super::settings::{OnPermission, OnQuestion, Otherwise};
use crate::client::wire::Rule;
use crate::error::{Error, Result};
use crate::runner::turn::record::Ask;

/// The answers that are given without a person.
#[derive(Clone, Debug)]
pub struct Policy {
    on_permission: OnPermission,
    on_question: OnQuestion,
    /// First what is allowed and then what is denied: the last rule that matches wins.
    rules: Vec<Rule>,
}

/// What a policy says of one ask. `by` is the flag or rule that says so: for the record, and for
/// the model that is refused something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Allow it, this once.
    Approve {
        /// The flag or rule.
        by: String,
    },
    /// Refuse it.
    Reject {
        /// The flag or rule.
        by: String,
    },
    /// Abort the turn.
    Fail {
        /// The flag.
        by: String,
    },
    /// Leave it to a person or another program.
    Wait,
}

impl Policy {
    /// Puts flags and file together: a flag goes before the file, rules of both count, and a denial
    /// wins wherever it is.
    pub fn new(flags: &PolicyFlags, otherwise: Otherwise) -> Result<Policy> {
        let file = flags
            .file
            .as_deref()
            .map(|path| read(path, flags.limit))
            .transpose()?
            .unwrap_or_default();
        let mut rules = Vec::new();
        for text in file.allow.iter().chain(&flags.allow) {
            rules.push(rule(text, "allow")?);
        }
        for text in file.deny.iter().chain(&flags.deny) {
            rules.push(rule(text, "deny")?);
        }
        let otherwise = otherwise.on_question();
        Ok(Policy {
            on_permission: flags.on_permission.or(file.on_permission).unwrap_or(otherwise.into()),
            on_question: flags.on_question.or(file.on_question).unwrap_or(otherwise),
            rules,
        })
    }

    /// What to do with an ask.
    pub fn decide(&self, ask: &Ask) -> Ruling {
        match &ask.permission {
            Some(permission) => self
                .by_rule(permission, &ask.patterns)
                .unwrap_or_else(|| ruling(self.on_permission, "--on-permission")),
            None => ruling(self.on_question.into(), "--on-question"),
        }
    }

    /// One denied pattern denies the ask; it is allowed only if every pattern is.
    fn by_rule(&self, permission: &str, patterns: &[String]) -> Option<Ruling> {
        let whole = [String::new()];
        let patterns = if patterns.is_empty() { &whole[..] } else { patterns };
        let found: Vec<Option<&Rule>> = patterns
            .iter()
            .map(|pattern| rules::decide(&self.rules, permission, pattern))
            .collect();
        let denied = found.iter().flatten().find(|rule| rule.action == "deny");
        if let Some(rule) = denied {
            return Some(Ruling::Reject { by: format!("--deny {}", shown(rule)) });
        }
        let allowed: Option<Vec<&Rule>> = found.into_iter().collect();
        let rule = allowed?.into_iter().next()?;
        Some(Ruling::Approve { by: format!("--allow {}", shown(rule)) })
    }
}

/// What a flag says where no rule does.
fn ruling(on: OnPermission, flag: &str) -> Ruling {
    match on {
        OnPermission::Wait => Ruling::Wait,
        OnPermission::Fail => Ruling::Fail { by: format!("{flag} fail") },
        OnPermission::Reject => Ruling::Reject { by: format!("{flag} reject") },
        OnPermission::Approve => Ruling::Approve { by: format!("{flag} approve") },
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::turn::record::{AskKind, Decision};

    fn policy(allow: &[&str], deny: &[&str], otherwise: Otherwise) -> Policy {
        let texts = |list: &[&str]| list.iter().map(|text| text.to_string()).collect();
        let flags =
            PolicyFlags { allow: texts(allow), deny: texts(deny), ..PolicyFlags::default() };
        Policy::new(&flags, otherwise).unwrap()
    }

    fn ask(permission: Option<&str>, patterns: &[&str]) -> Ask {
        Ask {
            id: "per_1".into(),
            kind: AskKind::Permission,
            permission: permission.map(String::from),
            patterns: patterns.iter().map(|text| text.to_string()).collect(),
            decision: Decision::Pending,
            by: None,
            conversation: "ses_1".into(),
        }
    }

    #[test]
    fn a_denial_wins_and_an_ask_is_allowed_only_as_a_whole() {
        let policy = policy(&["bash:git *", "edit"], &["bash:git push*"], Otherwise::Fail);
        let decide =
            |permission, patterns: &[&str]| policy.decide(&ask(Some(permission), patterns));
        let allowed = Ruling::Approve { by: "--allow bash:git *".into() };
        assert_eq!(decide("bash", &["git status"]), allowed);
        let denied = Ruling::Reject { by: "--deny bash:git push*".into() };
        assert_eq!(decide("bash", &["git push -f"]), denied);
        assert_eq!(decide("bash", &["git status", "git push"]), denied);
        let failed = Ruling::Fail { by: "--on-permission fail".into() };
        assert_eq!(decide("bash", &["git status", "rm -rf /"]), failed);
        let edit = Ruling::Approve { by: "--allow edit:*".into() };
        assert_eq!(decide("edit", &["/srv/x"]), edit);
        assert_eq!(decide("edit", &[]), edit);
    }

    #[test]
    fn questions_have_an_answer_of_their_own_and_no_rules() {
        let policy = policy(&["*"], &[], Otherwise::Wait);
        assert_eq!(policy.decide(&ask(None, &[])), Ruling::Wait);
    }

    #[test]
    fn a_rule_that_says_nothing_is_a_usage_error() {
        for text in ["", ":x", "bash:"] {
            let flags = PolicyFlags { allow: vec![text.into()], ..PolicyFlags::default() };
            assert_eq!(Policy::new(&flags, Otherwise::Wait).unwrap_err().code.exit(), 2, "{text}");
        }
    }
}
