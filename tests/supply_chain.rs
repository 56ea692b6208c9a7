//! What the program is made from: where crates come from, under which licence, and for which Rust;
//! and what the documents say of that and of the version.

use std::process::Command;

use serde_json::Value;

/// The licences that a crate may have: all of them allow a binary to be passed on with a notice.
const LICENCES: [&str; 6] =
    ["Apache-2.0", "Apache-2.0 WITH LLVM-exception", "MIT", "Unicode-3.0", "Unlicense", "Zlib"];

/// What cargo knows of the crates that are built on Linux.
fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    cargo.args(["metadata", "--offline", "--locked", "--format-version", "1"]);
    cargo.args(["--filter-platform", &platform]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().expect("packages").iter()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

/// Splits an expression at an operator that is in no brackets.
fn split<'a>(expression: &'a str, operator: &str) -> Vec<&'a str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in expression.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 && expression[at..].starts_with(operator) && at >= start {
            parts.push(&expression[start..at]);
            start = at + operator.len();
        }
    }
    parts.push(&expression[start..]);
    parts
}

/// Whether a licence expression leaves a choice that is allowed.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.trim();
    for either in [" OR ", "/"] {
        let parts = split(expression, either);
        if parts.len() > 1 {
            return parts.into_iter().any(is_allowed);
        }
    }
    let all = split(expression, " AND ");
    if all.len() > 1 {
        return all.into_iter().all(is_allowed);
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_allowed(inner),
        None => LICENCES.contains(&expression),
    }
}

#[test]
fn every_crate_may_be_passed_on_in_a_binary() {
    let metadata = metadata();
    let refused: Vec<_> = packages(&metadata)
        .filter(|package| !is_allowed(text(package, "license")))
        .map(|package| format!("{}: {}", text(package, "name"), package["license"]))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(packages(&metadata).count() > 30);
    for fine in ["MIT/GPL-3.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "(GPL-3.0 OR (MIT))"] {
        assert!(is_allowed(fine), "{fine}");
    }
    for wrong in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND (GPL-3.0 OR AGPL-3.0)"] {
        assert!(!is_allowed(wrong), "{wrong}");
    }
}

#[test]
fn every_crate_comes_from_the_registry_with_a_checksum() {
    let lock = std::fs::read_to_string("Cargo.lock").unwrap();
    let entries: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    assert!(entries.len() > 30);
    for entry in entries.iter().filter(|entry| !entry.contains("name = \"occtl\"\n")) {
        let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert!(entry.contains(registry) && entry.contains("\nchecksum = \""), "{entry}");
    }
}

/// A version of Rust, as numbers.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().expect("a number")).collect()
}

#[test]
fn no_crate_needs_a_newer_rust_than_the_manifest_promises() {
    let metadata = metadata();
    let own = packages(&metadata).find(|package| text(package, "name") == "occtl").unwrap();
    let own = text(own, "rust_version");
    for package in packages(&metadata).filter(|package| package["rust_version"].is_string()) {
        let needed = text(package, "rust_version");
        // 1.89 and 1.89.0 are the same.
        let is_older = numbers(needed.trim_end_matches(".0")) <= numbers(own);
        assert!(is_older, "{} needs Rust {needed}", text(package, "name"));
    }
    let readme = std::fs::read_to_string("README.md").unwrap();
    assert!(readme.contains(&format!("Rust {own}")), "README.md names another version than {own}");
}

#[test]
fn the_design_says_of_each_dependency_what_for_how_large_and_whose() {
    let metadata = metadata();
    let own = packages(&metadata).find(|package| text(package, "name") == "occtl").unwrap();
    let dependencies = own["dependencies"].as_array().unwrap().iter();
    let direct: Vec<_> = dependencies.filter(|one| one["kind"].is_null()).collect();
    assert!(direct.len() > 8);
    let design = std::fs::read_to_string("docs/design.md").unwrap();
    let (_, section) = design.split_once("\n## Dependencies\n").unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    for name in direct.iter().map(|one| text(one, "name")) {
        let row = rows.iter().find(|row| row.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/design.md has no row for {name}"));
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, reason, instead, size, owner] = cells[..] else { panic!("five cells: {row}") };
        assert!(!reason.is_empty() && !instead.is_empty() && size.ends_with("KB"), "{row}");
        let package = packages(&metadata).find(|package| text(package, "name") == name).unwrap();
        let home = text(package, "repository").split('/').nth(3).unwrap();
        assert!(owner.contains(home), "{name} is of {home}: {row}");
    }
}

#[test]
fn the_changelog_begins_with_the_version_of_the_program_and_names_all_before_it() {
    let changelog = std::fs::read_to_string("docs/changelog.md").unwrap();
    let versions: Vec<&str> =
        changelog.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(versions, [env!("CARGO_PKG_VERSION"), "0.5.0", "opencode-ctl 0.4.0"]);
}
