//! `docs/surroundings.md` names every variable and every file that the code knows, and the README
//! every exit status.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::text_of;
use crate::tidy::text::{code, files, strings};

/// Words in capitals that are not the names of variables.
const NO_VARIABLES: [&str; 4] =
    ["CARGO_MANIFEST_DIR", "CARGO_PKG_VERSION", "FETCH_HEAD", "SQLITE_BUSY"];
/// Variables of one word.
const ONE_WORD: [&str; 8] = ["AGENT", "HOME", "LANG", "OLDPWD", "PATH", "PWD", "TERM", "TMPDIR"];
/// What the name of a file of ours ends with.
const ENDINGS: [&str; 7] = [".json", ".jsonl", ".lock", ".log", ".new", ".id", ".git"];
/// Files of others, which occtl only meets: in a checkout, or in a message.
const FILES_OF_OTHERS: [&str; 1] = [".git"];

/// The code of the program, without its unit tests.
fn sources() -> &'static [String] {
    static SOURCES: OnceLock<Vec<String>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let of_tests = ["/tests/", "tests.rs", "src/testing.rs"];
        let mut found = files("src", ".rs");
        found.retain(|(name, _)| !of_tests.iter().any(|part| name.contains(part)));
        found.iter().map(|(_, text)| code(text)).collect()
    })
}

fn is_variable(word: &str) -> bool {
    let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let shaped = word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(letters);
    let named = ONE_WORD.contains(&word) || word.trim_end_matches('_').contains('_');
    shaped && named && !NO_VARIABLES.contains(&word)
}

fn is_file(word: &str) -> bool {
    let of_name = |c: char| c.is_alphanumeric() || "._-{}".contains(c);
    ENDINGS.iter().any(|ending| word.ends_with(ending) && word.len() > ending.len())
        && word.chars().all(of_name)
        && !FILES_OF_OTHERS.contains(&word)
}

/// The strings of the program that are such words.
fn words(sources: &[String], is_wanted: fn(&str) -> bool) -> BTreeSet<&str> {
    let all = sources.iter().flat_map(|source| strings(source));
    all.filter(|word| is_wanted(word)).collect()
}

/// What stands in backticks in a document, in paths each name for itself.
fn named(document: &str) -> BTreeSet<&str> {
    let quoted = document.split('`').skip(1).step_by(2);
    quoted.flat_map(|words| words.split(['/', ' ', '='])).collect()
}

/// Whether a document names a variable, itself or with the beginning of its name (`GIT_…`).
fn names_variable(named: &BTreeSet<&str>, variable: &str) -> bool {
    let beginning = |name: &&str| {
        let start = name.strip_suffix('…');
        start.is_some_and(|start| start.ends_with('_') && variable.starts_with(start))
    };
    named.contains(variable) || named.iter().any(beginning)
}

/// Whether a document names a file. What the code fills in (`{}`) is in capitals there (`RUN_ID`).
fn names_file(named: &BTreeSet<&str>, file: &str) -> bool {
    named.iter().any(|name| fits(file, name))
}

fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == name };
    let Some(name) = name.strip_prefix(before) else { return false };
    let (inside, after) = rest.split_once('}').unwrap_or((rest, ""));
    if inside.starts_with(char::is_uppercase) {
        // A constant, which may be anything.
        return name.char_indices().any(|(at, _)| fits(after, &name[at..]));
    }
    let filled = name.len() - name.trim_start_matches(|c: char| c.is_uppercase() || c == '_').len();
    // What two places between which nothing stands are filled with is one word.
    (filled > 0 || before.is_empty()) && fits(after, &name[filled..])
}

#[test]
fn every_variable_that_the_code_knows_is_in_the_documents() {
    let document = text_of("docs/surroundings.md");
    let named = named(&document);
    let known = words(sources(), is_variable);
    assert!(known.contains("OCCTL_DATA_DIR") && known.len() > 40, "{known:?}");
    let missing: Vec<_> =
        known.into_iter().filter(|variable| !names_variable(&named, variable)).collect();
    assert!(missing.is_empty(), "docs/surroundings.md says nothing of {missing:?}");
    let unknown = BTreeSet::from(["OCCTL_GIT", "GIT_…"]);
    assert!(!names_variable(&unknown, "OCCTL_NEW") && names_variable(&unknown, "GIT_DIR"));
}

#[test]
fn every_file_that_the_code_knows_is_in_the_documents() {
    let documents: String = ["docs/surroundings.md", "docs/benchmarking.md"].map(text_of).concat();
    let named = named(&documents);
    let known = words(sources(), is_file);
    assert!(known.contains("store.json") && known.len() > 25, "{known:?}");
    let missing: Vec<_> = known.into_iter().filter(|file| !names_file(&named, file)).collect();
    assert!(missing.is_empty(), "docs/surroundings.md says nothing of {missing:?}");
    let there = BTreeSet::from(["results-I-of-N.jsonl"]);
    assert!(names_file(&there, "results-{}-of-{}.jsonl") && !names_file(&there, "{}.lock"));
}

#[test]
fn every_exit_status_is_in_the_readme() {
    let readme = text_of("README.md");
    let (_, table) = readme.split_once("## Exit codes").expect("a table");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let documented: BTreeSet<u8> =
        rows.flat_map(|row| row.split(", ")).filter_map(|code| code.parse().ok()).collect();
    // `Code::Failed => 1,` and `Exit(1)`.
    let arms = sources().iter().flat_map(|source| source.lines()).filter_map(|line| {
        let (pattern, code) = line.trim().split_once(" => ")?;
        let is_status = ["Code::", "Word::", "Left::"].iter().any(|name| pattern.starts_with(name));
        code.strip_suffix(',').filter(|_| is_status)?.parse().ok()
    });
    let exits = sources().iter().flat_map(|source| source.split("Exit(").skip(1));
    let exits = exits.filter_map(|rest| rest.split(')').next()?.parse().ok());
    let known: BTreeSet<u8> = arms.chain(exits).collect();
    assert!(known.is_superset(&BTreeSet::from([0, 9, 10, 13, 124, 143])), "{known:?}");
    assert_eq!(known, documented, "the program's exit statuses, and those of README.md");
}
