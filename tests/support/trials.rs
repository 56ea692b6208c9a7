//! Orders for `occtl bench trial`, which `bench run` gives otherwise.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::model::Model;
use super::opencode::{QUIET, config, program, version};
use super::processes::{marked, poll};
use super::sandbox::Sandbox;
use super::schemas;

/// How long a run may take; the machine may be busy.
pub const RUN_TIME: Duration = Duration::from_secs(240);

/// Tests run side by side, and a run ends everything that has its mark.
static NUMBERS: AtomicU32 = AtomicU32::new(0);

/// One run as it is ordered.
pub struct Trial {
    pub sandbox: Sandbox,
    pub model: Model,
    pub order: Value,
    /// The random name of the run's directory, and its mark.
    pub name: String,
}

impl Trial {
    /// A run of one task with this prompt, which passes if `out.txt` holds `good`.
    pub fn new(name: &str, prompt: &str) -> Trial {
        let (sandbox, model) = Sandbox::real(name);
        let models = sandbox.root().join("models.json");
        let mut variables = json!({"OPENCODE_MODELS_PATH": models,
                                   "OPENCODE_ENABLE_QUESTION_TOOL": "1"});
        for (name, value) in QUIET.iter().filter(|(name, _)| *name != "OPENCODE_DISABLE_AUTOUPDATE")
        {
            variables[*name] = json!(value);
        }
        let root = sandbox.root();
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:08x}", std::process::id() * 64 + number);
        let task = json!({"id": "secret-task", "tags": ["secret-tag"], "instruction": prompt,
                          "check": ["sh", "-c", "cat out.txt; grep -q good out.txt"],
                          "limits": {"wall_s": 120}});
        let arm = json!({"id": "secret-arm", "model": "scripted/echo",
                         "opencode": program(&version()), "config": config(&model)});
        let plan = json!({"schema": 1, "name": "secret-plan", "tasks": [task], "arms": [arm],
                          "env": variables});
        let order = json!({
            "plan": plan, "plan_sha256": "p", "batch": "b", "run_id": "r", "attempt": 1,
            "repeat": 1, "block": 0, "shard": "1/1", "jobs": 1, "queue_ms": 5,
            "spent_usd": null, "scratch": root.join("s").join(&name), "data": root.join("s/data"),
            "artifacts": root.join("batch/artifacts/r/1"), "artifacts_name": "artifacts/r/1",
            "keep": root.join("batch/kept/r"), "keep_all": false, "opencode_sha256": null,
        });
        Trial { sandbox, model, order, name }
    }

    /// The task.
    pub fn task(&mut self) -> &mut Value {
        &mut self.order["plan"]["tasks"][0]
    }

    /// The arm.
    pub fn arm(&mut self) -> &mut Value {
        &mut self.order["plan"]["arms"][0]
    }

    /// The run's private directory.
    pub fn scratch(&self) -> PathBuf {
        self.order["scratch"].as_str().unwrap().into()
    }

    /// Writes the order, and gives its file.
    pub fn write(&self) -> PathBuf {
        let file = self.sandbox.root().join("batch/running/r.1.json");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, self.order.to_string()).unwrap();
        file
    }

    /// Carries the order out, and gives the result line. Nothing of the run may be left.
    #[track_caller]
    pub fn run(&self) -> Value {
        let file = self.write();
        let words = ["bench", "trial", file.to_str().unwrap()];
        self.sandbox.occtl(&words).timeout(RUN_TIME).run().ok();
        self.line()
    }

    /// The line of a run that is over, of which nothing may be left.
    #[track_caller]
    pub fn line(&self) -> Value {
        let left = self.processes();
        assert!(left.is_empty(), "{left:?}");
        assert!(!self.scratch().exists(), "the run's directory is left");
        let line = self.artifact("result.json");
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let line = serde_json::from_str(&line).unwrap();
        schemas::hold_section("Result lines", &line);
        line
    }

    /// The processes of the run, with their ids and command lines.
    pub fn processes(&self) -> Vec<(u32, String)> {
        marked(&format!("OCCTL_TRIAL={}", self.name))
    }

    /// A file that is kept of the run.
    #[track_caller]
    pub fn artifact(&self, name: &str) -> String {
        let path = Path::new(self.order["artifacts"].as_str().unwrap()).join(name);
        let shown = path.display().to_string();
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{shown}: {error}"))
    }

    /// Waits until a file is below the run's directory.
    #[track_caller]
    pub fn wait_for(&self, name: &str) {
        let path = self.scratch().join(name);
        let there = || path.exists().then_some(());
        poll(RUN_TIME, there).unwrap_or_else(|| panic!("no {}", path.display()));
    }
}

/// What a line says first of all.
pub fn ends(line: &Value) -> (&str, &str) {
    (line["result"].as_str().unwrap(), line["stop"].as_str().unwrap())
}
