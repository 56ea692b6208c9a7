//! The rules that a conversation has of its own, behind all configured ones: it is opened with
//! them, and they are read and appended to.

use super::deny_occtl::no_occtl;
use super::find::Place;
use crate::client::Limit;
use crate::client::wire::{NewConversation, OpenedConversation, OwnRules, Rule, is_busy};
use crate::error::{Error, Result};
use crate::runner::session::server::Server;

/// Opens a conversation in the session's directory. A server that does not take the rules is an
/// error, unless they are only those against occtl: these are a precaution, and no promise to the
/// user.
pub fn open(server: &Server, title: Option<&str>, rules: Vec<Rule>) -> Result<Place> {
    let new = NewConversation { title, permission: rules, ..NewConversation::default() };
    let opened = open_as(server, &server.directory, &new)?;
    let directory = opened.directory.unwrap_or_else(|| server.directory.clone());
    Ok(Place { id: opened.id, directory, agent: None })
}

/// The same with everything that a new conversation can have, in any directory.
pub fn open_as(
    server: &Server,
    directory: &str,
    new: &NewConversation,
) -> Result<OpenedConversation> {
    let opened = server.client.create(directory, new)?;
    if opened.permission != new.permission && new.permission != no_occtl() {
        return Err(cannot(server, "a new conversation"));
    }
    Ok(opened)
}

/// The conversation's own rules.
pub fn own_rules(server: &Server, place: &Place) -> Result<Vec<Rule>> {
    let found: OwnRules = server.client.conversation(&place.id, &place.directory)?;
    Ok(found.permission)
}

/// Appends to the rules `own` of a conversation what they do not end with already, and reads them
/// again: servers that cannot do it say nothing.
///
/// A turn that is going on keeps the rules that it began with, and a prompt that takes it over gets
/// them as well (seen on 1.14.34, 1.15.13 and 1.18.33). So a busy conversation is refused.
///
/// Returns how many of its own rules stand before those that are wanted.
pub fn append(server: &Server, place: &Place, own: &[Rule], wanted: &[Rule]) -> Result<usize> {
    let overlap = overlap(own, wanted);
    let before = own.len() - overlap;
    let missing = &wanted[overlap..];
    if missing.is_empty() {
        return Ok(before);
    }
    refuse_busy(server, place)?;
    let rules = OwnRules { permission: missing.to_vec() };
    server.client.append_rules(&place.id, &place.directory, &rules)?;
    if !own_rules(server, place)?.ends_with(wanted) {
        return Err(cannot(server, &format!("conversation {}", place.id))
            .hint("1.14 and newer do; any version gives them to a new conversation"));
    }
    // A turn that began before the rules were there reads busy by now.
    refuse_busy(server, place)?;
    Ok(before)
}

/// The error for rules that a server did not take.
pub fn cannot(server: &Server, what: &str) -> Error {
    let version = server.record.opencode_version.as_deref().unwrap_or("of an unknown version");
    Error::unsupported(format!("OpenCode {version} does not give {what} the rules"))
}

/// How many rules at the beginning of `wanted` are at the end of `own`.
fn overlap(own: &[Rule], wanted: &[Rule]) -> usize {
    let most = wanted.len().min(own.len());
    (0..=most).rev().find(|count| own.ends_with(&wanted[..*count])).unwrap_or(0)
}

fn refuse_busy(server: &Server, place: &Place) -> Result<()> {
    let activities = server.client.activities(&place.directory, Limit::Ordinary)?;
    if !is_busy(&activities, &place.id) {
        return Ok(());
    }
    let what =
        format!("conversation {} is busy, and its turn would go on by the old rules", place.id);
    let wait = format!("occtl wait {} -s {}", server.record.id, place.id);
    Err(Error::busy(what).hint(format!("{wait} waits for its end")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_list_ends_with_is_not_appended_again() {
        let rules = |names: &str| -> Vec<Rule> {
            let rule = |name: char| Rule {
                permission: name.into(),
                pattern: "*".into(),
                action: "deny".into(),
            };
            names.chars().map(rule).collect()
        };
        for (own, wanted, expected) in
            [("", "ab", 0), ("ab", "ab", 2), ("xab", "abc", 2), ("abx", "ab", 0), ("aa", "aaa", 2)]
        {
            assert_eq!(overlap(&rules(own), &rules(wanted)), expected, "{own} {wanted}");
        }
    }
}
