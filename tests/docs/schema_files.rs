//! The files in `docs/json/` are what the tables of `docs/json.md` say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::schemas::{file_name, schemas, tables};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json")
}

/// The text of each file that the folder must hold, by its path.
fn wanted() -> BTreeMap<PathBuf, String> {
    let made = schemas(tables()).into_iter();
    made.map(|(name, schema)| (folder().join(format!("{name}.json")), format!("{schema:#}\n")))
        .collect()
}

/// The files that the folder holds.
fn found() -> BTreeMap<PathBuf, String> {
    let entries = std::fs::read_dir(folder()).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| (path.clone(), std::fs::read_to_string(path).expect("a text"))).collect()
}

#[test]
fn docs_json_holds_the_schemas_that_json_md_describes() {
    let wanted = wanted();
    if std::env::var_os("OCCTL_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        for path in found().keys().filter(|path| !wanted.contains_key(*path)) {
            std::fs::remove_file(path).unwrap();
        }
        wanted.iter().for_each(|(path, text)| std::fs::write(path, text).unwrap());
    }
    let found = found();
    let paths = wanted.keys().chain(found.keys());
    let mut stale: Vec<&PathBuf> =
        paths.filter(|path| wanted.get(*path) != found.get(*path)).collect();
    stale.dedup();
    assert!(stale.is_empty(), "stale, `make docs` writes them: {stale:?}");
}

#[test]
fn every_command_that_prints_json_has_a_schema() {
    let schemas = schemas(tables());
    let cli = super::text_of("docs/cli.md");
    // The family itself prints nothing.
    let commands = cli.lines().filter_map(|line| line.strip_prefix("## occtl "));
    for command in commands.filter(|command| *command != "bench") {
        let prints_text = PRINTS_NO_JSON.contains(&command);
        let has_schema = schemas.contains_key(&file_name(command));
        assert!(
            has_schema != prints_text,
            "docs/json.md needs a table of fields below `## occtl {command}`, and none if the \
             command refuses --json"
        );
    }
}

/// The commands that refuse `--json`.
const PRINTS_NO_JSON: [&str; 4] = ["man", "completions", "skill", "init"];
