//! `docs/json.md` is what the commands print, field by field, in both directions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::sandbox::Sandbox;

/// The fields below a heading, such as `sessions[].state`; the words `All fields of X` bring in those of X,
/// `with P` before them.
fn documented(heading: &str) -> BTreeSet<String> {
    let text = include_str!("../docs/json.md");
    let start = format!("## {heading}\n");
    let (_, section) =
        text.split_once(&start).unwrap_or_else(|| panic!("docs/json.md has no {start}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let mut fields: BTreeSet<String> = section.lines().filter_map(row).collect();
    if let Some((_, rest)) = section.split_once("All fields of `") {
        let (other, rest) = rest.split_once('`').unwrap_or_default();
        let prefix = rest.strip_prefix(" with `").and_then(|rest| rest.split('`').next());
        let prefix = prefix.unwrap_or_default();
        fields.extend(documented(other).into_iter().map(|field| format!("{prefix}{field}")));
    }
    assert!(!fields.is_empty(), "docs/json.md has no table below {start}");
    fields
}

/// Every field of a document; of an object and a list the fields inside as well.
fn fields(value: &Value, place: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                let name = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                fields(inner, &name, found);
                found.insert(name);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| fields(item, &format!("{place}[]"), found));
        }
        _ => {}
    }
}

/// Fails unless the documents together have exactly the fields that are documented. A place that only holds others, such as
/// `sessions`, needs no line of its own.
#[track_caller]
fn compare(heading: &str, documents: &[Value]) {
    let wanted = documented(heading);
    let mut found = BTreeSet::new();
    documents.iter().for_each(|document| fields(document, "", &mut found));
    let holds = |name: &String| {
        wanted.iter().any(|other| {
            let rest = other.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with("[]"))
        })
    };
    let extra: Vec<_> =
        found.iter().filter(|name| !wanted.contains(*name) && !holds(name)).collect();
    let missing: Vec<_> = wanted.iter().filter(|name| !found.contains(*name)).collect();
    assert!(extra.is_empty(), "{heading}: not in docs/json.md: {extra:?}");
    assert!(missing.is_empty(), "{heading}: in docs/json.md, but not printed: {missing:?}");
}

#[test]
fn every_field_of_json_is_documented_and_every_documented_one_is_there() {
    let mut sandbox = Sandbox::new("docs");
    sandbox.use_stand_in(json!({}));
    let json = |words: &[&str]| sandbox.occtl(words).run().ok().json();

    compare("occtl version", &[json(&["version", "--json"])]);
    let started = json(&["start", "--json", "--name", "n", "-a", "build"]);
    let id = started["id"].as_str().unwrap().to_owned();
    compare("occtl start", &[started]);
    compare("occtl list", &[json(&["list", "--json"])]);
    compare("occtl status", &[json(&["status", "n", "--json"])]);
    let sent = json(&["send", &id, "hello", "--json"]);
    let conversation = sent["conversation"].as_str().unwrap().to_owned();
    compare("occtl send", std::slice::from_ref(&sent));

    let turn = |faults: Value, words: &[&str]| {
        sandbox.set_faults(&faults);
        let words: Vec<&str> = [&["send", &id, "go", "--json"][..], words].concat();
        sandbox.occtl(&words).run().json()
    };
    let diff = json!([{"file": "a", "additions": 1, "deletions": 0}]);
    let tool = json!({"name": "bash", "input": {"command": "ls"}, "output": "x"});
    let records = [
        turn(json!({"turn": {"tool": tool}, "body": {"/session/*/diff": diff}}), &["--wait"]),
        turn(
            json!({"turn": {"error": {"name": "APIError", "data": {"message": "no"}}}}),
            &["--wait"],
        ),
        turn(
            json!({"turn": {"ask": {"permission": "bash", "patterns": ["ls"]}}}),
            &["--wait", "-t", "2"],
        ),
    ];
    assert_eq!(records[0]["outcome"], "ok", "{}", records[0]);
    compare("occtl send --wait", &records);
    sandbox.set_faults(&json!({}));

    compare("occtl wait", &[json(&["wait", &id, "-s", &conversation, "--json"])]);
    compare("occtl abort", &[json(&["abort", &id, "-s", &conversation, "--json"])]);
    let tried = json(&["test-permission", &id, "git status", "--json"]);
    compare("occtl test-permission", &[tried]);
    compare("occtl stop", &[json(&["stop", &id, "--json"])]);
    let error = sandbox.occtl(&["status", "oc-nope", "--json"]).run().fails(3).json_error();
    compare("Errors", &[json!({"error": error})]);
}

#[test]
fn every_command_is_in_json_md() {
    let cli = include_str!("../docs/cli.md");
    let text = include_str!("../docs/json.md");
    for command in cli.lines().filter_map(|line| line.strip_prefix("## occtl ")) {
        let place = format!("\n## occtl {command}\n");
        assert!(text.contains(&place), "docs/json.md has no section `occtl {command}`");
    }
}
