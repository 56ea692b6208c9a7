//! Reads a policy: what flags say of it, and a file that says the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::settings::{OnPermission, OnQuestion, Setting, Unlisted};
use crate::error::{Error, Result};
use crate::runner::input::{self, Wanted};
use crate::runner::nearest::instead;

/// The largest policy, in bytes.
const LARGEST_POLICY: usize = 1 << 20;

/// Shown to a user whose policy cannot be read.
const EXAMPLE: &str =
    r#"for example {"unlisted": "deny", "allow": ["bash:git *"], "deny": ["bash:git push*"]}"#;

/// A policy as a file holds it. A key that is not known is a mistake.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    on_permission: Option<String>,
    #[serde(default)]
    on_question: Option<String>,
    #[serde(default)]
    unlisted: Option<String>,
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
    /// `--unlisted`.
    pub unlisted: Option<Unlisted>,
    /// `--allow`, as `permission:pattern`.
    pub allow: Vec<String>,
    /// `--deny`.
    pub deny: Vec<String>,
    /// `--policy`.
    pub file: Option<PathBuf>,
    /// How long reading that file may take.
    pub limit: Duration,
}

/// Reads a file that says what flags might say, within a limit.
pub fn read(path: &Path, limit: Duration) -> Result<PolicyFlags> {
    let wanted = Wanted { what: "the policy", most: LARGEST_POLICY, limit };
    let text = input::read_text(path, wanted)?;
    Ok(PolicyFlags { limit, ..parse(&text, &input::name(path))? })
}

/// Reads the text of a policy. `shown` is where it comes from, for errors.
pub fn parse(text: &str, shown: &str) -> Result<PolicyFlags> {
    let wrong =
        |what: &str| Error::usage(format!("the policy {shown} is not one: {what}")).hint(EXAMPLE);
    // serde would take a list for the values of the keys, one after the other.
    if text.trim_start().starts_with('[') {
        return Err(wrong("a list has no keys"));
    }
    let file: File = serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))?;
    Ok(PolicyFlags {
        on_permission: setting(shown, "on_permission", file.on_permission.as_deref())?,
        on_question: setting(shown, "on_question", file.on_question.as_deref())?,
        unlisted: setting(shown, "unlisted", file.unlisted.as_deref())?,
        allow: file.allow,
        deny: file.deny,
        ..PolicyFlags::default()
    })
}

/// What a key of the file says.
fn setting<T: Setting>(shown: &str, key: &str, word: Option<&str>) -> Result<Option<T>> {
    let Some(word) = word else { return Ok(None) };
    T::named(word).map(Some).ok_or_else(|| {
        Error::usage(format!("the policy {shown} is not one: {key} cannot be {word:?}"))
            .hint(instead(word, T::WORDS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_no_policy_whatever_is_in_it() {
        for text in ["[]", r#"["approve"]"#, "\n [\"approve\", \"wait\", \"config\", [], []]"] {
            let error = parse(text, "p.json").unwrap_err();
            assert_eq!(error.code.exit(), 2);
            assert!(error.message.contains("p.json is not one: a list has no keys"), "{error}");
        }
        let nothing = parse("{}", "p.json").unwrap();
        assert!(nothing.on_permission.is_none() && nothing.allow.is_empty());
    }

    #[test]
    fn a_question_cannot_be_approved_and_the_error_names_the_key_and_the_words() {
        let path = "p.json";
        let known = setting(path, "on_question", Some("reject"));
        assert_eq!(known.unwrap(), Some(OnQuestion::Reject));
        let error = setting::<OnQuestion>(path, "on_question", Some("approve")).unwrap_err();
        assert_eq!(error.code.exit(), 2);
        let text = error.to_string();
        assert!(text.contains("p.json is not one: on_question cannot be \"approve\""), "{text}");
        assert!(text.contains("one of wait, fail, reject"), "{text}");
    }
}
