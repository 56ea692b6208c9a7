//! The catalogue of models that is cut down to the providers which can be used: what a server
//! offers with it, and what the whole catalogue is for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::opencode::config;
use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

use super::versions::can;

/// How long a `run` may take: it starts a server of its own, and the machine may be busy.
const RUN_TIME: Duration = Duration::from_secs(180);

/// A real OpenCode with its own catalogue, unlike that of other tests.
fn sandbox(name: &str) -> (Sandbox, crate::support::model::Model) {
    let (mut sandbox, model) = Sandbox::real(name);
    sandbox.remove_env("OPENCODE_MODELS_PATH");
    (sandbox, model)
}

/// The cut catalogues that are there now.
fn cut(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(sandbox.data().join("isolated")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path().join("occtl-models.json"));
    paths.filter(|path| path.exists()).collect()
}

/// What is remembered of programs, by the end of its name.
fn remembered(sandbox: &Sandbox, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(sandbox.data().join("programs")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_str().unwrap().ends_with(end)).collect()
}

/// What an isolated server in `directory` offers, and its catalogue if that was cut.
fn offered(sandbox: &Sandbox, directory: &Path, more: &[&str]) -> (Value, Option<Value>) {
    let words = [&["-w", directory.to_str().unwrap(), "--isolate"], more].concat();
    let session = Session::start(sandbox, &words);
    let offered = session.get("/config/providers");
    let catalogue = cut(sandbox).first().map(|path| {
        serde_json::from_slice(&std::fs::read(path).unwrap()).expect("a catalogue of JSON")
    });
    session.run("stop", &[]).ok();
    assert!(cut(sandbox).is_empty(), "the catalogue goes with the session");
    (offered, catalogue)
}

/// A directory, what is set for it, and a provider that this enables.
type Scene<'a> = (&'a str, Value, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn with_the_cut_catalogue_a_server_offers_what_it_offers_with_the_whole_one() {
    if !can("read a catalogue that the environment names") {
        return;
    }
    let (mut sandbox, model) = sandbox("lean-same");
    let named = json!({"provider": {"groq": {"options": {"apiKey": "k"}}}});
    let keys = sandbox.home().join(".local/share/opencode/auth.json");
    let scenes: [Scene; 5] = [
        ("nothing", json!({}), &[], "opencode"),
        ("scripted", config(&model), &[], "scripted"),
        ("named", named, &[], "groq"),
        ("variable", json!({}), &[("ANTHROPIC_API_KEY", "k")], "anthropic"),
        ("credentials", json!({}), &[], "mistral"),
    ];
    for (name, settings, variables, provider) in scenes {
        let directory = sandbox.root().join(name);
        sandbox.configure(&directory, &settings);
        variables.iter().for_each(|(name, value)| sandbox.set_env(name, value));
        if name == "credentials" {
            std::fs::write(&keys, r#"{"mistral": {"type": "api", "key": "k"}}"#).unwrap();
        }
        let (whole, none) = offered(&sandbox, &directory, &[]);
        let (lean, catalogue) = offered(&sandbox, &directory, &["--lean"]);
        variables.iter().for_each(|(name, _)| sandbox.remove_env(name));
        assert_eq!(none, None, "{name}: a server that nobody wanted lean");
        let ids = |list: &Value| -> Vec<String> {
            let all = list["providers"].as_array().expect("providers").iter();
            all.map(|one| one["id"].as_str().unwrap().into()).collect()
        };
        assert!(ids(&whole).iter().any(|id| id == provider), "{name}: {:?}", ids(&whole));
        assert_eq!(ids(&lean), ids(&whole), "{name}");
        assert_eq!(lean, whole, "{name}");
        let catalogue = catalogue.expect("a cut catalogue");
        let kept = catalogue.as_object().unwrap();
        assert!(kept.contains_key("opencode"), "{name}");
        let by_package = name == "scripted" && kept.contains_key("openai");
        assert!(!by_package, "its package, @ai-sdk/openai-compatible, names no provider");
        assert!(kept.len() < 12 && !kept.contains_key("deepinfra"), "{name}: {:?}", kept.keys());
    }
}

#[test]
fn the_catalogue_is_cut_out_of_the_one_that_the_user_has() {
    if !can("read a catalogue that the environment names") {
        return;
    }
    let (mut sandbox, _) = sandbox("lean-cached");
    let model = json!({"id": "m", "name": "M", "release_date": "2026-01-01", "attachment": false,
        "reasoning": false, "temperature": true, "tool_call": true,
        "limit": {"context": 1000, "output": 100}, "cost": {"input": 1, "output": 2}});
    let provider = |id: &str, variable: &str| {
        json!({"id": id, "name": id, "env": [variable], "npm": "@ai-sdk/openai-compatible",
               "api": "http://127.0.0.1:1", "models": {"m": model}})
    };
    let cached = json!({"first": provider("first", "FIRST_KEY"),
                        "second": provider("second", "SECOND_KEY")});
    let cache = sandbox.home().join(".cache/opencode");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::write(cache.join("models.json"), cached.to_string()).unwrap();
    sandbox.set_env("SECOND_KEY", "k");
    let directory = sandbox.root().join("plain");
    sandbox.configure(&directory, &json!({}));
    let (whole, _) = offered(&sandbox, &directory, &[]);
    let (lean, catalogue) = offered(&sandbox, &directory, &["--lean"]);
    assert_eq!((&lean, &lean["default"]), (&whole, &json!({"second": "m"})));
    assert_eq!(catalogue, Some(json!({"second": provider("second", "SECOND_KEY")})));
    // What the user chose stays.
    sandbox.set_env("OPENCODE_MODELS_PATH", cache.join("models.json"));
    let (chosen, catalogue) = offered(&sandbox, &directory, &["--lean"]);
    assert_eq!((chosen, catalogue), (whole, None));
}

#[test]
fn run_answers_the_same_with_either_catalogue() {
    let (sandbox, model) = sandbox("lean-run");
    // Its tool shows which catalogue the server has.
    let prompt = "[[bash echo ${OPENCODE_MODELS_PATH##*/} > named]][[echo done]]";
    let named = sandbox.work().join("named");
    for (flags, expected) in [
        (&["-m", "scripted/other"][..], "occtl-models.json\n"),
        (&["--no-isolate"], "\n"),
        (&["--keep"], "\n"),
    ] {
        let words = [&["run", "-t", "170", "-q"], flags, &[prompt]].concat();
        sandbox.occtl(&words).timeout(RUN_TIME).run().ok();
        assert_eq!(std::fs::read_to_string(&named).unwrap(), expected, "{flags:?}");
    }
    let models: Vec<Value> = model.requests().iter().map(|one| one["model"].clone()).collect();
    assert_eq!(models[0], "other");
    assert_eq!(models.last(), Some(&json!("echo")));
    assert_eq!(remembered(&sandbox, ".models.json").len(), 1, "once for the program");
    sandbox.occtl(&["stop", "--all"]).run().ok();
}

/// Prints the tables of a database and their rows, without the moments at which the steps of a
/// migration were made.
const ROWS: &str = r#"
import json, sqlite3, sys
base = sqlite3.connect(sys.argv[1])
query = "select type, name, tbl_name, sql from sqlite_master order by 1, 2"
schema = base.execute(query).fetchall()
tables = [row[1] for row in schema if row[0] == "table"]
def rows(table):
    columns = [row[1] for row in base.execute(f'pragma table_info("{table}")')]
    kept = [c for c in columns if not c.startswith(("time", "created", "applied"))] or columns
    names = ", ".join(f'"{c}"' for c in kept)
    return sorted(map(repr, base.execute(f'select {names} from "{table}"')))
version = base.execute("pragma user_version").fetchone()
print(json.dumps([base.execute("pragma integrity_check").fetchall(), version, schema,
                  {table: rows(table) for table in tables}], indent=1))
"#;

#[test]
fn a_database_that_was_laid_for_a_server_is_like_a_fresh_one() {
    if !can("the data of a server is one database") {
        return;
    }
    let (sandbox, _model) = sandbox("template");
    let database = |session: &str| {
        sandbox.data().join("isolated").join(session).join("data/opencode/opencode.db")
    };
    let shown = |path: &Path| {
        let words = ["-c", ROWS, path.to_str().unwrap()];
        sandbox.command("python3", &words).run().ok().stdout
    };
    let fresh = sandbox.start(&["--isolate"]);
    let kept = remembered(&sandbox, ".database");
    assert_eq!(kept.len(), 1, "{kept:?}");
    let laid = sandbox.start(&["--isolate"]);
    assert_eq!(remembered(&sandbox, ".database"), kept);
    let fresh_rows = shown(&database(&fresh));
    assert!(fresh_rows.contains("CREATE TABLE") && fresh_rows.contains("project"));
    assert_eq!(shown(&database(&laid)), fresh_rows);
    // It does not only look like one.
    let turn = ["send", &laid, "--wait", "--title", "t", "[[echo stored]]"];
    assert_eq!(sandbox.occtl(&turn).run().ok().stdout, "stored\n");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    // A template that cannot be read is as if there were none.
    std::fs::remove_dir_all(&kept[0]).unwrap();
    std::fs::write(&kept[0], "no directory").unwrap();
    let other = sandbox.start(&["--isolate"]);
    assert_eq!(shown(&database(&other)), fresh_rows);
    sandbox.occtl(&["stop", &other]).run().ok();
}
