//! What is answered to a turn that asks, and by which rule.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::rules;
use crate::client::wire::Rule;
use crate::error::{Error, Result};
use crate::process;
use crate::runner::turn::record::Ask;
use crate::units::REQUEST_LIMIT;

/// The largest policy, in bytes.
const LARGEST_POLICY: usize = 1 << 20;

/// Shown to a user whose policy cannot be read.
const EXAMPLE: &str =
    r#"for example {"on_permission": "fail", "allow": ["bash:git *"], "deny": ["bash:git push*"]}"#;

/// What a flag and a key of the file say with one word.
pub trait Setting: Sized {
    /// The words that there are.
    const WORDS: &'static [&'static str];

    /// What a word means; `None` if it is none of [`Self::WORDS`].
    fn named(word: &str) -> Option<Self>;
}

/// What to do with a permission request that no rule settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPermission {
    /// Leave it to a person or another program.
    Wait,
    /// Abort the turn.
    Fail,
    /// Refuse it.
    Reject,
    /// Allow it, this once.
    Approve,
}

impl Setting for OnPermission {
    const WORDS: &'static [&'static str] = &["wait", "fail", "reject", "approve"];

    fn named(word: &str) -> Option<OnPermission> {
        match word {
            "approve" => Some(OnPermission::Approve),
            word => OnQuestion::named(word).map(OnPermission::from),
        }
    }
}

impl From<OnQuestion> for OnPermission {
    fn from(on: OnQuestion) -> OnPermission {
        match on {
            OnQuestion::Wait => OnPermission::Wait,
            OnQuestion::Fail => OnPermission::Fail,
            OnQuestion::Reject => OnPermission::Reject,
        }
    }
}

/// What to do with a question. There is nothing to approve: a question wants an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnQuestion {
    /// Leave it to a person or another program.
    Wait,
    /// Abort the turn.
    Fail,
    /// Refuse to answer.
    Reject,
}

impl Setting for OnQuestion {
    const WORDS: &'static [&'static str] = &["wait", "fail", "reject"];

    fn named(word: &str) -> Option<OnQuestion> {
        match word {
            "wait" => Some(OnQuestion::Wait),
            "fail" => Some(OnQuestion::Fail),
            "reject" => Some(OnQuestion::Reject),
            _ => None,
        }
    }
}

/// What to do with asks that neither a flag nor a file settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Leave them to a person or another program.
    Wait,
    /// Abort the turn.
    Fail,
}

impl Otherwise {
    fn on_question(self) -> OnQuestion {
        match self {
            Otherwise::Wait => OnQuestion::Wait,
            Otherwise::Fail => OnQuestion::Fail,
        }
    }
}

/// The answers that are given without a person.
#[derive(Clone, Debug)]
pub struct Policy {
    on_permission: OnPermission,
    on_question: OnQuestion,
    /// First what is allowed and then what is denied: the last rule that matches wins.
    rules: Vec<Rule>,
}

/// What a policy says of one ask. `by` is the flag or rule that says so: for the record, and for the
/// model that is refused something.
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

/// A policy as a file holds it. A key that is not known is a mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    on_permission: Option<String>,
    #[serde(default)]
    on_question: Option<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
}

/// What flags say of a policy.
#[derive(Clone, Debug, Default)]
pub struct PolicyFlags {
    /// `--on-permission`.
    pub on_permission: Option<OnPermission>,
    /// `--on-question`.
    pub on_question: Option<OnQuestion>,
    /// `--allow`, as `permission:pattern`.
    pub allow: Vec<String>,
    /// `--deny`.
    pub deny: Vec<String>,
    /// `--policy`.
    pub file: Option<PathBuf>,
}

impl Policy {
    /// Puts flags and file together: a flag goes before the file, rules of both count, and a denial
    /// wins wherever it is.
    pub fn new(flags: &PolicyFlags, otherwise: Otherwise) -> Result<Policy> {
        let file = flags.file.as_deref().map(read).transpose()?.unwrap_or_default();
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

/// Reads a file that says what flags might say.
fn read(path: &Path) -> Result<PolicyFlags> {
    let shown = path.display();
    let text = process::read_text(path, LARGEST_POLICY, REQUEST_LIMIT)
        .map_err(|error| Error::not_found(format!("cannot read the policy {shown}: {error}")))?;
    let file: File = serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!("the policy {shown} is not one: {error}")).hint(EXAMPLE)
    })?;
    Ok(PolicyFlags {
        on_permission: setting(path, "on_permission", file.on_permission.as_deref())?,
        on_question: setting(path, "on_question", file.on_question.as_deref())?,
        allow: file.allow,
        deny: file.deny,
        file: None,
    })
}

/// What a key of the file says.
fn setting<T: Setting>(path: &Path, key: &str, word: Option<&str>) -> Result<Option<T>> {
    let Some(word) = word else { return Ok(None) };
    T::named(word).map(Some).ok_or_else(|| {
        let policy = path.display();
        Error::usage(format!("the policy {policy} is not one: {key} cannot be {word:?}"))
            .hint(format!("one of {}", T::WORDS.join(", ")))
    })
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
    fn a_question_cannot_be_approved_and_the_error_names_the_key_and_the_words() {
        let path = Path::new("p.json");
        let known = setting(path, "on_question", Some("reject"));
        assert_eq!(known.unwrap(), Some(OnQuestion::Reject));
        let error = setting::<OnQuestion>(path, "on_question", Some("approve")).unwrap_err();
        assert_eq!(error.code.exit(), 2);
        let text = error.to_string();
        assert!(text.contains("p.json is not one: on_question cannot be \"approve\""), "{text}");
        assert!(text.contains("one of wait, fail, reject"), "{text}");
    }

    #[test]
    fn a_rule_that_says_nothing_is_a_usage_error() {
        for text in ["", ":x", "bash:"] {
            let flags = PolicyFlags { allow: vec![text.into()], ..PolicyFlags::default() };
            assert_eq!(Policy::new(&flags, Otherwise::Wait).unwrap_err().code.exit(), 2, "{text}");
        }
    }
}
