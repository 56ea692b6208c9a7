//! What a turn may do as far as flags and a policy's file say: the rules that the server enforces,
//! and the answers to what the turn asks for.

use super::policy_file::{PolicyFlags, read};
use super::rules;
use super::settings::{OnPermission, OnQuestion, Otherwise, Unlisted};
use crate::client::wire::Rule;
use crate::error::{Error, Result};
use crate::runner::turn::record::Ask;

/// How a rule is written.
const FORM: &str = "PERMISSION:PATTERN, for example 'bash:git *', or PERMISSION alone";

/// Tools that ask for `edit`, and have no permission of their own name.
const WRITING: [&str; 4] = ["write", "patch", "multiedit", "apply_patch"];

/// What is decided without a person.
#[derive(Clone, Debug)]
pub struct Policy {
    on_permission: OnPermission,
    on_question: OnQuestion,
    /// What is allowed where the turn asks for it, and under `--unlisted ask` and `deny` without
    /// asking. Rules of the file come first.
    pub allow: Vec<Rule>,
    /// What is denied, in the same order.
    pub deny: Vec<Rule>,
    /// What holds for the rest.
    pub unlisted: Unlisted,
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
        let rules = |own: &[String], of_file: &[String], action: &str| {
            of_file.iter().chain(own).map(|text| rule(text, action)).collect::<Result<Vec<_>>>()
        };
        let allow = rules(&flags.allow, &file.allow, "allow")?;
        let deny = rules(&flags.deny, &file.deny, "deny")?;
        let unlisted = flags.unlisted.or(file.unlisted).unwrap_or_default();
        if unlisted != Unlisted::Config && allow.iter().any(|rule| rule.permission == "task") {
            let what = format!("--allow task cannot be used with --unlisted {}", unlisted.name());
            return Err(Error::usage(what).hint("the rules would not hold for a sub-agent"));
        }
        let otherwise = otherwise.on_question();
        Ok(Policy {
            on_permission: flags.on_permission.or(file.on_permission).unwrap_or(otherwise.into()),
            on_question: flags.on_question.or(file.on_question).unwrap_or(otherwise),
            allow,
            deny,
            unlisted,
        })
    }

    /// Whether the conversation is given rules.
    pub fn imposes(&self) -> bool {
        self.unlisted != Unlisted::Config || !self.deny.is_empty()
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
    pub fn by_rule(&self, permission: &str, patterns: &[String]) -> Option<Ruling> {
        let whole = [String::new()];
        let patterns = if patterns.is_empty() { &whole[..] } else { patterns };
        let of = |rules, pattern| rules::decide(rules, permission, pattern);
        if let Some(rule) = patterns.iter().find_map(|pattern| of(&self.deny, pattern)) {
            return Some(Ruling::Reject { by: flag(rule) });
        }
        let allowed: Option<Vec<&Rule>> =
            patterns.iter().map(|pattern| of(&self.allow, pattern)).collect();
        let rule = allowed?.into_iter().next()?;
        Some(Ruling::Approve { by: flag(rule) })
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

/// A rule as the flag that would give it.
pub fn flag(rule: &Rule) -> String {
    format!("--{} {}:{}", rule.action, rule.permission, rule.pattern)
}

/// `permission:pattern`, or a permission alone for all of it.
fn rule(text: &str, action: &str) -> Result<Rule> {
    let wrong = |why: &str| Error::usage(format!("--{action} cannot be {text:?}{why}"));
    let (permission, pattern) = text.split_once(':').unwrap_or((text, "*"));
    if permission.is_empty() || pattern.is_empty() {
        return Err(wrong("").hint(FORM));
    }
    if let Some((name, _)) = permission.split_once(char::is_whitespace) {
        let rest = text[name.len()..].trim_start();
        let meant = format!("did you mean '{name}:{rest}'?");
        let meant = if name.is_empty() || rest.is_empty() { FORM.into() } else { meant };
        return Err(wrong(": no permission has a blank in its name").hint(meant));
    }
    if WRITING.contains(&permission) {
        let meant = text.replacen(permission, "edit", 1);
        return Err(wrong(": what writes files needs the permission edit")
            .hint(format!("did you mean {meant}?")));
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
    fn a_rule_that_says_nothing_or_means_another_one_is_a_usage_error() {
        let error = |allow: &str, unlisted| {
            let allow = vec![allow.into()];
            let flags = PolicyFlags { allow, unlisted, ..PolicyFlags::default() };
            let error = Policy::new(&flags, Otherwise::Wait).unwrap_err();
            assert_eq!(error.code.exit(), 2, "{error}");
            error.to_string()
        };
        assert!(error("bash git *", None).contains("did you mean 'bash:git *'?"));
        assert!(error("bash git:x y", None).contains("did you mean 'bash:git:x y'?"));
        assert!(error("write", None).contains("did you mean edit?"));
        assert!(error("apply_patch:src/*", None).contains("did you mean edit:src/*?"));
        for unlisted in [Unlisted::Ask, Unlisted::Deny] {
            assert!(error("task:general", Some(unlisted)).contains(unlisted.name()));
        }
        for text in ["", ":x", "bash:", " bash", "bash "] {
            let flags = PolicyFlags { allow: vec![text.into()], ..PolicyFlags::default() };
            assert_eq!(Policy::new(&flags, Otherwise::Wait).unwrap_err().code.exit(), 2, "{text}");
        }
    }
}
