//! `docs/json.md` names exactly the fields that the commands print, and every file that the
//! documents name exists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::processes::{kill, poll};
use crate::support::sandbox::Sandbox;
use crate::support::schemas::{self, Row};

mod comparison;
mod recipes;
mod schema_files;
mod surroundings;

const SOON: Duration = Duration::from_secs(30);

/// The fields below a heading, such as `sessions[].state`, and their types; of several forms those
/// of the first one.
#[track_caller]
fn documented(heading: &str) -> BTreeMap<String, String> {
    let tables = schemas::tables();
    let form = tables.forms(heading).first();
    let rows = tables.rows(form.unwrap_or_else(|| panic!("`## {heading}` has no table")));
    let mut all = BTreeMap::new();
    for Row { field, kind, .. } in rows {
        // The fields of a type that has a section of its own.
        let object = kind.trim_end_matches(" or null").strip_prefix("object ");
        if let Some(object) = object {
            let inner = documented(&format!("Object {object}")).into_iter();
            all.extend(inner.map(|(inner, kind)| (format!("{field}.{inner}"), kind)));
        } else {
            all.insert(field, kind);
        }
    }
    all
}

/// Adds every field of a document to `found`, and the fields inside objects and lists.
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

/// Fails the test unless the documents together have exactly the fields that are documented. A
/// field that only holds other fields, such as `sessions`, needs no line of its own.
#[track_caller]
pub fn compare(heading: &str, documents: &[Value]) {
    let wanted = documented(heading);
    let mut found = BTreeSet::new();
    documents.iter().for_each(|document| fields(document, "", &mut found));
    let holds = |name: &String| {
        wanted.keys().any(|other| {
            let rest = other.strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with("[]"))
        })
    };
    // Objects with keys of the model or the user are documented as a whole.
    let inside = |name: &String| {
        wanted.iter().any(|(field, kind)| {
            let below = name.strip_prefix(field.as_str()).is_some_and(|rest| rest.starts_with('.'));
            below && (kind.starts_with("any") || kind == "map")
        })
    };
    let known = |name: &String| wanted.contains_key(name) || holds(name) || inside(name);
    let extra: Vec<_> = found.iter().filter(|name| !known(name)).collect();
    let missing: Vec<_> = wanted.keys().filter(|name| !found.contains(*name)).collect();
    assert!(extra.is_empty(), "{heading}: printed, but not in docs/json.md: {extra:?}");
    assert!(missing.is_empty(), "{heading}: in docs/json.md, but not printed: {missing:?}");
}

/// A session with the conversation of its first prompt, for commands whose output is compared.
struct Documented<'a> {
    sandbox: &'a Sandbox,
    id: String,
    conversation: String,
}

impl<'a> Documented<'a> {
    fn start(sandbox: &'a Sandbox) -> Self {
        let json = |words: &[&str]| sandbox.occtl(words).run().ok().json();
        compare("occtl help", &[json(&["help", "--json"])]);
        compare("occtl version", &[json(&["version", "--json"])]);
        let started = json(&["start", "--json", "--name", "n", "-a", "build"]);
        let id = started["id"].as_str().unwrap().to_owned();
        compare("occtl start", &[started]);
        compare("occtl restart", &[json(&["restart", "n", "--json"])]);
        compare("occtl list", &[json(&["list", "--json"])]);
        let sent = json(&["send", &id, "hello", "--json"]);
        let conversation = sent["conversation"].as_str().unwrap().to_owned();
        compare("occtl send", &[sent]);
        Self { sandbox, id, conversation }
    }

    /// Runs a command on the session and gives the document that it prints.
    #[track_caller]
    fn json(&self, command: &str, words: &[&str]) -> Value {
        let words = [&[command, &self.id, "--json"], words].concat();
        self.sandbox.occtl(&words).run().ok().json()
    }

    fn turns(&self) {
        let turn = |faults: Value, words: &[&str]| {
            self.sandbox.set_faults(&faults);
            let words = [&["send", &self.id, "go", "--json", "--wait"], words].concat();
            self.sandbox.occtl(&words).run().json()
        };
        let diff = json!([{"file": "a", "additions": 1, "deletions": 0}]);
        let tool = json!({"name": "bash", "input": {"command": "ls"}, "output": "x"});
        let error = json!({"name": "APIError", "data": {"message": "no"}});
        let ask = json!({"permission": "bash", "patterns": ["ls"]});
        let mcp = json!({"gone": {"status": "failed", "error": "no"}});
        let bodies = json!({"/session/*/diff": diff, "/mcp": mcp});
        let records = [
            turn(json!({"turn": {"tool": tool}, "body": bodies}), &[]),
            turn(json!({"turn": {"error": error}}), &[]),
            turn(json!({"turn": {"ask": ask}}), &["-t", "2"]),
        ];
        assert_eq!(records[0]["outcome"], "ok", "{}", records[0]);
        compare("occtl send --wait", &records);
        self.sandbox.set_faults(&json!({}));
        let failed = records[1]["conversation"].as_str().unwrap();
        compare("occtl wait", &[self.json("wait", &["-s", failed])]);
        let tail = |record: &Value| {
            let conversation = record["conversation"].as_str().unwrap();
            self.json("tail", &["-s", conversation, "--tools"])
        };
        compare("occtl tail", &records.each_ref().map(tail));
        let last =
            |record: &Value| self.json("last", &["-s", record["conversation"].as_str().unwrap()]);
        compare("occtl last", &records.each_ref().map(last));
    }

    fn conversations(&self) {
        let of_conversation = |command: &str| self.json(command, &["-s", &self.conversation]);
        compare("occtl abort", &[of_conversation("abort")]);
        let todo = json!([{"content": "c", "status": "pending", "priority": "high"}]);
        self.sandbox.set_faults(&json!({"body": {"/session/*/todo": todo}}));
        for command in ["chain", "todo", "usage", "fork"] {
            compare(&format!("occtl {command}"), &[of_conversation(command)]);
        }
        for command in ["sessions", "models", "agents", "touch"] {
            compare(&format!("occtl {command}"), &[self.json(command, &[])]);
        }
        self.changes();
        compare("occtl test-permission", &[self.json("test-permission", &["git status"])]);
    }

    /// The commands that change a conversation or show what was changed.
    fn changes(&self) {
        self.sandbox.set_faults(&json!({"body": {"/config": {"share": "manual"}}}));
        let own = |command: &str, words: &[&str]| {
            let given = ["-s", self.conversation.as_str()];
            let found = self.json(command, &[words, &given].concat());
            compare(&format!("occtl {command}"), &[found]);
        };
        let model = ["-m", "scripted/echo", "--parent", &self.conversation];
        compare("occtl new", &[self.json("new", &[&["-a", "build"][..], &model].concat())]);
        own("children", &["--tree"]);
        own("rename", &["another"]);
        own("revert", &["latest"]);
        own("unrevert", &[]);
        own("share", &[]);
        own("unshare", &[]);
        // What these print is held against the schemas, as all that tests see is.
        self.json("compact", &["-s", &self.conversation]);
        self.json("export", &["-s", &self.conversation, "--children"]);
    }

    /// Sends a prompt for which the server asks with this fault, and waits until `command` lists
    /// it.
    fn ask(&self, fault: Value, command: &str) -> Value {
        self.sandbox.set_faults(&json!({"turn": fault}));
        self.json("send", &["go"]);
        let some = || {
            let found = self.json(command, &[]);
            (found[command] != json!([])).then_some(found)
        };
        poll(SOON, some).expect("an ask")
    }

    fn asks(&self) {
        let ask = json!({"permission": "bash", "patterns": ["ls"]});
        compare("occtl permissions", &[self.ask(json!({"ask": ask}), "permissions")]);
        let waiting = self.json("status", &[]);
        compare("occtl approve", &[self.json("approve", &["--all"])]);
        let question = json!({"question": "Which?", "options": ["one", "two"]});
        let question = self.ask(json!({"question": question}), "questions");
        let asked = question["questions"][0]["id"].as_str().unwrap().to_owned();
        compare("occtl questions", &[question]);
        compare("occtl answer", &[self.json("answer", &[&asked, "one"])]);
        self.sandbox.set_faults(&json!({"turn": {"retry_forever": true}}));
        let sent = self.json("send", &["go"]);
        let retrying = || {
            let status = self.json("status", &[]);
            status["turns"][0]["retry"].is_object().then_some(status)
        };
        compare("occtl status", &[waiting, poll(SOON, retrying).expect("a retry")]);
        self.json("abort", &["-s", sent["conversation"].as_str().unwrap()]);
        self.sandbox.set_faults(&json!({}));
    }

    fn ends(&self) {
        compare("occtl delete", &[self.json("delete", &[&self.conversation])]);
        // One session is dead, and one is spared because it is busy.
        let dead = self.sandbox.start(&[]);
        kill(self.sandbox.server_pid(&dead));
        self.sandbox.set_faults(&json!({"turn": {"never_ends": true}}));
        self.json("send", &["go"]);
        let cleanup = self.sandbox.occtl(&["cleanup", "-m", "0", "--json"]).run().ok();
        compare("occtl cleanup", &[cleanup.json()]);
        compare("occtl stop", &[self.json("stop", &[])]);
    }
}

#[test]
fn every_field_of_json_is_documented_and_every_documented_one_is_there() {
    let mut sandbox = Sandbox::new("docs");
    sandbox.use_stand_in(json!({}));
    let documented = Documented::start(&sandbox);
    documented.turns();
    documented.conversations();
    compare("occtl doctor", &[sandbox.occtl(&["doctor", "--json"]).run().ok().json()]);
    documented.asks();
    documented.ends();
    let error = sandbox.occtl(&["status", "oc-nope", "--json"]).run().fails(3).json_error();
    compare("Errors", &[json!({"error": error})]);
}

/// The text of a file of the package, as it is while the tests run.
#[track_caller]
fn text_of(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_number_of_the_program_is_explained_in_design_md() {
    let units = include_str!("../src/units.rs");
    let design = text_of("docs/design.md");
    for line in units.lines().filter_map(|line| line.strip_prefix("pub const ")) {
        let name = line.split(':').next().unwrap_or_default();
        assert!(design.contains(&format!("`{name}`")), "docs/design.md says nothing of {name}");
    }
}

#[test]
fn every_command_is_in_json_md() {
    let cli = text_of("docs/cli.md");
    let text = text_of("docs/json.md");
    for command in cli.lines().filter_map(|line| line.strip_prefix("## occtl ")) {
        if text.contains(&format!("`{command}`, which prints no JSON")) {
            continue;
        }
        let place = format!("\n## occtl {command}\n");
        assert!(text.contains(&place), "docs/json.md has no section `occtl {command}`");
    }
}

/// The files of the package that do not exist, of those that a text names in backticks or links to
/// from `folder`.
fn missing_files(folder: &str, text: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let quoted = text.split('`').skip(1).step_by(2);
    let named = quoted.filter(|word| {
        let place = ["src/", "tests/", "docs/"].iter().any(|place| word.starts_with(place));
        place && !word.contains(char::is_whitespace)
    });
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let linked = targets.filter(|target| !target.contains("://"));
    // The place within a document is not checked.
    let linked = linked.filter_map(|target| target.split('#').next());
    let from_root = named.map(|name| root.join(name));
    let from_here = linked.map(|target| root.join(folder).join(target));
    let missing = from_root.chain(from_here).filter(|path| !path.exists());
    missing.map(|path| path.display().to_string()).collect()
}

#[test]
fn every_file_that_the_documents_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for path in docs.filter(|path| path.is_file()).chain([root.join("README.md")]) {
        let folder = path.parent().unwrap().display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(missing_files(&folder, &text), [""; 0], "{}", path.display());
    }
    for wrong in ["see `src/none.rs`", "see [it](docs/none.md)"] {
        assert_eq!(missing_files("", wrong).len(), 1, "{wrong}");
    }
    for right in ["see `src/main.rs`", "[it](docs/json.md), [OpenCode](https://opencode.ai)"] {
        assert_eq!(missing_files("", right), [""; 0], "{right}");
    }
}

#[test]
fn no_command_of_the_documents_relies_on_a_tilde_that_only_some_shells_replace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for path in docs.filter(|path| path.is_file()).chain([root.join("README.md")]) {
        let text = std::fs::read_to_string(&path).unwrap();
        // In bash `make PREFIX=~/x` means the home, in zsh and dash a directory named `~`.
        let wrong: Vec<&str> = text.lines().filter(|line| line.contains("=~/")).collect();
        assert_eq!(wrong, [""; 0], "{}", path.display());
    }
}

#[test]
fn the_changelog_names_the_commands_of_bench_that_the_help_shows() {
    let changelog = text_of("docs/changelog.md");
    let (_, rest) = changelog.split_once("- **Benchmarks.** ").unwrap();
    let named: BTreeSet<&str> =
        rest.split(": ").next().unwrap().split('`').skip(1).step_by(2).collect();
    let named: BTreeSet<&str> =
        named.iter().map(|name| name.trim_start_matches("bench ")).collect();
    let cli = text_of("docs/cli.md");
    let shown = cli.lines().filter_map(|line| line.strip_prefix("## occtl bench "));
    assert_eq!(named, shown.collect());
}
