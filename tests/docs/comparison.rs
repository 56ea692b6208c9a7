//! `docs/comparison.md` claims nothing of occtl that no test shows.

use std::collections::BTreeSet;

use super::text_of;
use crate::tidy::text::rust;

/// How many words a name has at least, to be that of a test and not of a command or a field.
const WORDS: usize = 4;
/// How long a reason is at least.
const REASON: usize = 40;

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, text) in rust() {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let name = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            match name {
                Some(name) if is_test => drop(names.insert(name.to_owned())),
                _ => {}
            }
            is_test = line == "#[test]" || is_test && line.starts_with("#[");
        }
    }
    names
}

/// What a row claims: what it is about, and the cell of occtl.
fn claims(document: &str) -> Vec<(&str, &str)> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.filter(|row| !row.starts_with(['|', '-']));
    rows.filter_map(|row| Some((row.split(" | ").next()?, row.rsplit("| ").next()?))).collect()
}

/// The tests that a cell names.
fn named(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    let letters = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    quoted.filter(letters).filter(|name| name.split('_').count() >= WORDS).collect()
}

/// What is wrong with a cell.
fn fault(cell: &str, tests: &BTreeSet<String>) -> Option<String> {
    let named = named(cell);
    if let Some(missing) = named.iter().find(|name| !tests.contains(**name)) {
        return Some(format!("there is no test {missing}"));
    }
    let gives_reason = cell.starts_with("no") && cell.len() > REASON;
    (named.is_empty() && !gives_reason).then(|| "it names neither a test nor a reason".into())
}

#[test]
fn each_cell_of_occtl_names_tests_that_exist_or_says_why_not() {
    let tests = tests();
    let document = text_of("docs/comparison.md");
    let claims = claims(&document);
    assert!(claims.len() > 40, "{}", claims.len());
    let wrong: Vec<String> = claims
        .iter()
        .filter_map(|(about, cell)| Some(format!("{about}: {}", fault(cell, &tests)?)))
        .collect();
    assert!(wrong.is_empty(), "docs/comparison.md: {}", wrong.join("\n"));
    let this = "`x`: `each_cell_of_occtl_names_tests_that_exist_or_says_why_not`";
    assert_eq!(fault(this, &tests), None);
    assert!(fault("`x`: `a_test_that_nobody_wrote`", &tests).is_some());
    assert!(fault("`list`, of course", &tests).is_some() && fault("no", &tests).is_some());
}
