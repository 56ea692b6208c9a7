//! A task in a directory of its own, for unit tests. It is no part of the program.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::plan::{Auth, Gate, Infer, Plan};
use super::site::Site;
use super::task::{Task, TaskLimits, Template};
use super::workspace;
use crate::runner::Environment;

/// A task, a plan and a place for one run.
pub struct Fixture {
    /// The directory of it all.
    pub root: PathBuf,
    /// Its template is `files/`.
    pub task: Task,
    /// A plan without arms.
    pub plan: Plan,
    /// What the arm lays over.
    pub overlay: Option<PathBuf>,
    environment: Environment,
    scratch: PathBuf,
}

impl Fixture {
    /// A task with an empty template.
    pub fn new() -> Fixture {
        let name = crate::random::id().simple().to_string();
        let root = std::env::temp_dir().join(format!("occtl-bench-test-{name}"));
        fs::create_dir_all(root.join("files")).unwrap();
        let task = Task {
            directory: Some(root.clone()),
            template: Template::Directory(root.join("files")),
            ..task("task")
        };
        let scratch = root.join(name);
        let environment = Environment::of_process();
        Fixture { plan: plan(&root), root, task, overlay: None, environment, scratch }
    }

    /// The place of the run.
    pub fn site(&self) -> Site<'_> {
        Site {
            plan: &self.plan,
            task: &self.task,
            overlay: self.overlay.as_deref(),
            opencode: None,
            scratch: &self.scratch,
            environment: &self.environment,
            // Other tests run in this process.
            is_alone: false,
            is_stopped: &|| false,
        }
    }

    /// Writes a file of the task.
    pub fn file(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        write(&self.root.join(path), text)
    }

    /// Writes a program of the task.
    pub fn script(&self, path: &str, text: &str) -> PathBuf {
        let path = self.file(path, format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// A check in `hidden/`.
    pub fn check(&mut self, text: &str) {
        self.script("hidden/check.sh", text);
        self.task.hidden = Some(self.root.join("hidden"));
        self.task.check = vec!["./check.sh".into()];
    }
}

/// Writes a file, with the directories above it.
pub fn write(path: &Path, text: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    path.into()
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = workspace::remove(&self.root);
    }
}

/// A task that stands within a plan and begins with nothing.
pub fn task(id: &str) -> Task {
    Task {
        id: id.into(),
        directory: None,
        instruction: "Do it.".into(),
        template: Template::Empty,
        setup: Vec::new(),
        check: Vec::new(),
        solution: None,
        answer: Vec::new(),
        hide: Vec::new(),
        hidden: None,
        protect: Vec::new(),
        image: None,
        tags: Vec::new(),
        tries: 1,
        env: BTreeMap::new(),
        limits: TaskLimits::default(),
        sha256: String::new(),
    }
}

/// The gate of a plan that says nothing of it.
pub fn gate() -> Gate {
    Gate {
        infer: Infer::Runs,
        alpha: 0.025,
        margin: 0.1,
        max_cost_increase: None,
        max_tokens_increase: None,
    }
}

/// A plan without tasks and arms.
pub fn plan(directory: &Path) -> Plan {
    Plan {
        directory: directory.into(),
        name: "plan".into(),
        seed: 1,
        repeats: 1,
        tasks: Vec::new(),
        arms: Vec::new(),
        base: None,
        gate: gate(),
        max_attempts: 2,
        hold_s: 3600.0,
        max_unscored: 0.05,
        budget_usd: None,
        max_parallel: BTreeMap::new(),
        env: BTreeMap::new(),
        pass_env: Vec::new(),
        wrap: Vec::new(),
        wrap_kill: Vec::new(),
        auth: Auth::None,
        sha256: Value::Null.to_string(),
    }
}
