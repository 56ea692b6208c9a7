//! `bench import`: other people's tasks become tasks of ours.

mod exercism;
mod harbor;
mod harbor_check;
mod output;
mod swebench;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::SOON;
use crate::support::command::{Outcome, Run};
use crate::support::sandbox::Sandbox;

/// A sandbox with a source of tasks.
struct Import {
    sandbox: Sandbox,
}

impl Import {
    fn new(name: &str) -> Import {
        Import { sandbox: Sandbox::new(&format!("import-{name}")) }
    }

    fn source(&self) -> PathBuf {
        self.sandbox.work().join("source")
    }

    fn out(&self) -> PathBuf {
        self.sandbox.work().join("out")
    }

    /// `occtl bench import FORMAT source -o out`.
    fn import(&self, format: &str) -> Run {
        let words = ["bench", "import", format, "source", "-o", "out"];
        self.sandbox.occtl(&words).cwd(self.sandbox.work()).timeout(SOON)
    }

    /// What `--json` says of it.
    fn json(&self, format: &str, status: i32) -> Value {
        let ended = self.import(format).args(&["--json"]).run();
        let ended = if status == 0 { ended.ok() } else { ended.fails(status) };
        ended.json()
    }

    /// What a file below the tasks says.
    #[track_caller]
    fn read(&self, path: &str) -> String {
        let path = self.out().join("tasks").join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The `task.json` of a task.
    #[track_caller]
    fn task(&self, id: &str) -> Value {
        serde_json::from_str(&self.read(&format!("{id}/task.json"))).unwrap()
    }

    fn has(&self, path: &str) -> bool {
        self.out().join("tasks").join(path).symlink_metadata().is_ok()
    }

    /// The schedule of the plan that was written: it is read as every plan is.
    #[track_caller]
    fn planned(&self) -> Outcome {
        let plan = self.out().join("plan.json").display().to_string();
        let words = ["bench", "run", &plan, "-o", "night", "--dry-run"];
        self.sandbox.occtl(&words).cwd(self.sandbox.work()).timeout(SOON).run().ok()
    }

    /// Nothing but the source is in the working directory: no half of an output.
    #[track_caller]
    fn assert_nothing_written(&self) {
        let names = fs::read_dir(self.sandbox.work()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["source"]);
    }
}

/// The reason for which each name was refused.
fn refused(imported: &Value) -> Vec<(&str, &str)> {
    let all = imported["refused"].as_array().unwrap().iter();
    all.map(|one| (one["name"].as_str().unwrap(), one["reason"].as_str().unwrap())).collect()
}

/// The paths of all files below a directory that hold a text.
fn holding(directory: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if fs::read_to_string(&path).is_ok_and(|content| content.contains(text)) {
            found.push(path);
        }
    }
    found
}
