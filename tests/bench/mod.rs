//! Benchmarks: plans, runs, results, and what becomes of them when something is killed.

mod batch;
mod chaos;
mod confirming;
mod costs;
mod exports;
mod faults;
pub mod guide;
mod html;
mod imports;
mod nights;
mod rechecks;
mod reports;
mod scale;
mod scarce;
mod shards;
mod spending;
mod verdicts;
mod warm_up;
mod watching;
mod week;
mod wraps;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::command::Run;
use crate::support::sandbox::{Sandbox, example};

/// Enough for a few runs on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// A sandbox with a plan for the stand-in.
struct Bench {
    sandbox: Sandbox,
}

impl Bench {
    /// A sandbox in which `faults` are in force, with no plan yet.
    fn new(name: &str, faults: Value) -> Bench {
        let mut sandbox = Sandbox::new(name);
        sandbox.use_stand_in(faults);
        sandbox.set_env("TMPDIR", sandbox.root().join("tmp"));
        std::fs::create_dir(sandbox.root().join("tmp")).unwrap();
        Bench { sandbox }
    }

    /// Writes a plan with one arm on the stand-in, and the keys of `more` on top.
    fn plan(&self, tasks: &Value, more: &Value) {
        let mut plan = json!({
            "schema": 1, "name": "test", "seed": 1, "repeats": 1, "tasks": tasks,
            "arms": [self.arm("a")], "pass_env": ["TEST_SANDBOX", "STAND_IN_FAULTS"],
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            plan[key] = value.clone();
        }
        std::fs::write(self.plan_file(), plan.to_string()).unwrap();
    }

    /// An arm on the stand-in.
    fn arm(&self, id: &str) -> Value {
        json!({"id": id, "model": "scripted/echo", "opencode": example("stand-in")})
    }

    fn plan_file(&self) -> PathBuf {
        self.sandbox.root().join("plan.json")
    }

    fn results(&self) -> PathBuf {
        self.sandbox.root().join("results")
    }

    /// `occtl bench run` of the plan into the results.
    fn run(&self, flags: &[&str]) -> Run {
        let plan = self.plan_file().display().to_string();
        let results = self.results().display().to_string();
        let run = self.sandbox.occtl(&["bench", "run", &plan, "-o", &results]).args(flags);
        run.timeout(SOON)
    }

    /// `occtl bench VERB` on the results.
    fn on_results(&self, verb: &str, words: &[&str]) -> Run {
        let results = self.results().display().to_string();
        self.sandbox.occtl(&["bench", verb, &results]).args(words).timeout(SOON)
    }

    /// What is left of private directories of runs.
    fn left_in_scratch(&self) -> Vec<String> {
        let user = rustix::process::getuid().as_raw();
        let scratch = self.sandbox.root().join(format!("tmp/occtl-bench-{user}"));
        let names = std::fs::read_dir(scratch).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "data").collect()
    }

    /// What is left of orders of runs.
    fn left_running(&self) -> usize {
        std::fs::read_dir(self.results().join("running")).unwrap().count()
    }

    /// Puts a program into `bin` that notes each start of a server in `NAME.starts` and is the
    /// stand-in for all else. `before` is what it does first of all when it is to serve.
    fn counting(&self, name: &str, before: &str) -> PathBuf {
        let notes = self.sandbox.root().join(format!("{name}.starts"));
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = serve ]; then echo >> '{}'; {before} fi\nexec '{}' \"$@\"\n",
            notes.display(),
            example("stand-in").display()
        );
        self.sandbox.install(name, &script)
    }

    /// A library that takes the place of functions of the C library in a program that is started
    /// with it as `LD_PRELOAD`; `None` where programs are static.
    fn shim(&self, source: &str, define: &str) -> Option<PathBuf> {
        if cfg!(not(target_env = "gnu")) {
            eprintln!("skipped: a static program does not ask the C library of the system");
            return None;
        }
        let root = self.sandbox.root();
        std::fs::write(root.join("shim.c"), source).unwrap();
        let words = ["-shared", "-fPIC", define, "-o", "shim.so", "shim.c"];
        self.sandbox.command("cc", &words).cwd(root).run().ok();
        Some(root.join("shim.so"))
    }

    /// How often the program of [`Bench::counting`] was started as a server.
    fn starts(&self, name: &str) -> usize {
        let notes = self.sandbox.root().join(format!("{name}.starts"));
        std::fs::read_to_string(notes).map_or(0, |text| text.lines().count())
    }

    /// All result lines, in the order of the files.
    fn lines(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.results())
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        files.retain(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("results-") && name.ends_with(".jsonl")
        });
        files.sort();
        let text: String =
            files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What came of each run: task, arm, repeat and the newest result, sorted.
    fn outcomes(&self) -> Vec<(String, String, u64, String)> {
        let status = self.on_results("status", &["--json"]).run().ok().json();
        let word = |run: &Value, key: &str| run[key].as_str().unwrap().to_owned();
        let mut all: Vec<_> = status["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| {
                let repeat = run["repeat"].as_u64().unwrap();
                (word(run, "task"), word(run, "arm"), repeat, word(run, "state"))
            })
            .collect();
        all.sort();
        all
    }
}

/// Whether a request to a server is a prompt.
fn is_prompt(request: &Value) -> bool {
    request["method"] == "POST"
        && request["path"].as_str().is_some_and(|path| path.starts_with("/session/ses_"))
}

/// A task whose check is that command, and that needs no files.
fn task(id: &str, check: &[&str]) -> Value {
    json!({"id": id, "instruction": format!("Do {id}."), "check": check})
}

/// A task that always passes, and one that always fails.
fn both() -> Value {
    json!([task("good", &["true"]), task("bad", &["false"])])
}

/// The values of a key of all lines, sorted.
fn all<'a>(lines: &'a [Value], key: &str) -> Vec<&'a str> {
    let mut found: Vec<&str> = lines.iter().map(|line| line[key].as_str().unwrap()).collect();
    found.sort_unstable();
    found
}
