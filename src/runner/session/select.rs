//! Which session a word on the command line means.

use serde::Deserialize;

use super::default::{Chosen, default_session};
use crate::error::{Error, Result};
use crate::runner::context::{Context, DEFAULT_SESSION, Purpose};
use crate::store::{Document, Record};

/// Names the session for everything that is done where no other is named.
const VARIABLE: &str = "OCCTL_SESSION";

#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: Option<String>,
}

/// Finds a session by its id, by its name, or by the beginning of its id if no other id begins so.
/// A dot is the one that is meant where none is named: it is looked for once, and is the same for
/// everything that one command does.
pub fn select(context: &Context, document: &Document, word: &str) -> Result<Record> {
    if word != DEFAULT_SESSION {
        return known(document, &id_of(document, word)?);
    }
    if let Some(id) = context.default_session.get() {
        return known(document, id);
    }
    let default = match context.environment.get(VARIABLE) {
        Some(word) => of_variable(document, &word.to_string_lossy())?,
        None => default_session(context, document)?,
    };
    let id = context.default_session.get_or_init(|| default.id.clone());
    if context.purpose == Purpose::Act {
        (context.say)(&format!("using session {default}"));
    }
    known(document, id)
}

/// The session that the variable names.
fn of_variable(document: &Document, word: &str) -> Result<Chosen> {
    let id = id_of(document, word).map_err(|mut error| {
        error.message = format!("{VARIABLE} is {word}: {}", error.message);
        error
    })?;
    Ok(Chosen { id, name: None, why: VARIABLE.into() })
}

/// The id of the session that a word names.
fn id_of(document: &Document, word: &str) -> Result<String> {
    let ids: Vec<&str> = document.ids().collect();
    if ids.contains(&word) {
        return Ok(word.into());
    }
    if let Some(id) = named(document, word)? {
        return Ok(id);
    }
    let digits = word.strip_prefix("oc-").unwrap_or(word);
    let begins = |id: &&str| id.strip_prefix("oc-").unwrap_or(id).starts_with(digits);
    let candidates: Vec<&str> = ids.iter().copied().filter(begins).collect();
    match candidates.as_slice() {
        [id] if !digits.is_empty() => Ok(id.to_string()),
        [_, _, ..] if !digits.is_empty() => {
            Err(Error::not_found(format!("more than one session begins with {word}"))
                .hint(candidates.join(", ")))
        }
        // An unset variable in a script leaves an empty word, which is invisible unless quoted.
        _ if word.is_empty() => Err(Error::not_found("there is no session \"\"")
            .hint(format!("the word is empty; {}", how_many(ids.len())))),
        _ => Err(Error::not_found(format!("there is no session {word}")).hint(how_many(ids.len()))),
    }
}

/// Where to see the sessions that there are.
fn how_many(count: usize) -> String {
    match count {
        0 => "there is none at all; occtl start starts one".into(),
        1 => "occtl list shows the only one".into(),
        _ => format!("occtl list shows all {count}"),
    }
}

/// Checks a name before a session gets it: it must not look like an id or an option.
pub fn check_name(document: &Document, name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) || name.starts_with('-') {
        return Err(Error::usage(format!("{name:?} cannot be a name"))
            .hint("a name has up to 64 letters, digits, '-', '_' and '.'"));
    }
    if name == DEFAULT_SESSION {
        return Err(Error::usage("a dot cannot be a name")
            .hint("as SESSION it means the one of the working directory"));
    }
    if name.starts_with("oc-") {
        return Err(Error::usage(format!("{name} cannot be a name"))
            .hint("names that begin with oc- are ids"));
    }
    match named(document, name)? {
        Some(id) => Err(Error::failed(format!("{id} already has the name {name}"))
            .hint(format!("occtl stop {name} frees it"))),
        None => Ok(()),
    }
}

/// The id of the session with this name.
pub fn named(document: &Document, name: &str) -> Result<Option<String>> {
    let ids = document.each_known(|id, session: Named| {
        (session.name.as_deref() == Some(name)).then(|| id.to_string())
    })?;
    Ok(ids.into_iter().flatten().next())
}

fn known(document: &Document, id: &str) -> Result<Record> {
    let gone = || Error::not_found(format!("session {id} is gone"));
    document.record(id)?.ok_or_else(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn document() -> Document {
        let text = r#"{"sessions":{
            "oc-19aa0000":{"id":"oc-19aa0000","port":1,"name":"ab"},
            "oc-19bb0000":{"id":"oc-19bb0000","port":2,"name":"19aa"},
            "oc-ab000000":{"id":"oc-ab000000","port":3}}}"#;
        Document::parse(Path::new("/x"), text.into()).unwrap()
    }

    #[test]
    fn an_id_a_name_and_a_unique_beginning_find_the_session() {
        let find = |word: &str| id_of(&document(), word).unwrap();
        assert_eq!(find("oc-19aa0000"), "oc-19aa0000");
        assert_eq!(find("oc-19a"), "oc-19aa0000");
        assert_eq!(find("19b"), "oc-19bb0000");
        assert_eq!(find("19aa"), "oc-19bb0000", "a name goes before a beginning");
        assert_eq!(find("ab"), "oc-19aa0000");
        assert_eq!(find("oc-ab"), "oc-ab000000");
    }

    #[test]
    fn an_ambiguous_beginning_lists_the_candidates_and_an_unknown_one_says_what_to_do() {
        let error = id_of(&document(), "oc-19").unwrap_err();
        assert_eq!(error.code.exit(), 3);
        assert!(error.to_string().contains("oc-19aa0000, oc-19bb0000"), "{error}");
        for word in ["oc-77", "", "oc-"] {
            let error = id_of(&document(), word).unwrap_err();
            assert!(error.to_string().contains("occtl list shows all 3"), "{error}");
        }
    }

    #[test]
    fn names_that_could_be_something_else_are_refused() {
        for name in ["", ".", "-x", "a b", "oc-1", "a/b", "ü", &"x".repeat(65)] {
            assert_eq!(check_name(&document(), name).unwrap_err().code.exit(), 2, "{name}");
        }
        assert_eq!(check_name(&document(), "ab").unwrap_err().code.exit(), 1);
        check_name(&document(), "nightly-1.2_x").unwrap();
    }
}
