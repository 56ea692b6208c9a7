//! The real OpenCode: where it is, how it is configured, and a home that it does not have to
//! migrate.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::http_client;
use super::model::Model;
use super::sandbox::Sandbox;

/// Variables that keep OpenCode offline and quick. The registry leads nowhere, because OpenCode
/// would install a package of 90 MB into every fresh home. The last tier of its compiler, and
/// threads of its own for the collection of garbage, pay off in servers that run for long: without
/// the one a start takes a quarter less processor time, and without the other another twentieth.
pub const QUIET: [(&str, &str); 6] = [
    ("BUN_JSC_useFTLJIT", "0"),
    ("BUN_JSC_useConcurrentGC", "0"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("npm_config_registry", "http://127.0.0.1:1"),
];

/// The version to test: the pinned one, unless `OCCTL_TEST_OPENCODE_VERSION` names another.
pub fn version() -> String {
    std::env::var("OCCTL_TEST_OPENCODE_VERSION")
        .unwrap_or_else(|_| include_str!("../opencode-version").trim().to_owned())
}

/// The program of a version: below the target directory, unless `OCCTL_TEST_OPENCODE` names
/// another file.
pub fn program(version: &str) -> PathBuf {
    if let Some(path) = std::env::var_os("OCCTL_TEST_OPENCODE") {
        return path.into();
    }
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/opencode")
        .join(version)
        .join(format!("node_modules/opencode-linux-{architecture}/bin/opencode"));
    assert!(path.exists(), "OpenCode {version} is missing: run `make opencode`");
    path
}

/// An `opencode.json` with the models `scripted/echo` and `scripted/other`; the second one has the
/// variants `low` and `high`.
pub fn config(model: &Model) -> Value {
    let limit = json!({"context": 200_000, "output": 8192});
    let cost = json!({"input": 1, "output": 2});
    json!({
        "model": "scripted/echo",
        "small_model": "scripted/echo",
        "autoupdate": false,
        "share": "disabled",
        "provider": {"scripted": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Scripted",
            "options": {"baseURL": model.base_url(), "apiKey": "none"},
            "models": {
                "echo": {"name": "Echo", "limit": limit, "cost": cost},
                "other": {
                    "name": "Other", "limit": limit, "cost": cost, "reasoning": true,
                    "variants": {
                        "low": {"reasoningEffort": "low"},
                        "high": {"reasoningEffort": "high"},
                    },
                },
            },
        }},
    })
}

impl Sandbox {
    /// A sandbox with the real OpenCode of the version to test, a warm home, and a model that its
    /// workdir is configured for.
    pub fn real(name: &str) -> (Self, Model) {
        Self::real_version(name, &version())
    }

    /// The same with a given version.
    pub fn real_version(name: &str, version: &str) -> (Self, Model) {
        let mut sandbox = Self::new(name);
        sandbox.use_real_version(version);
        copy(&warm_home(version), &sandbox.home()).expect("a copy of the warm home");
        let model = Model::start();
        sandbox.configure(&sandbox.work(), &config(&model));
        (sandbox, model)
    }

    /// Writes this `opencode.json` into `directory`, which is created if it is missing.
    pub fn configure(&self, directory: &Path, config: &Value) {
        std::fs::create_dir_all(directory).expect("a workdir");
        let text = serde_json::to_string_pretty(config).expect("JSON");
        std::fs::write(directory.join("opencode.json"), text).expect("a configuration");
    }
}

/// A home in which this version has run once, made by the first test that needs it.
///
/// In a fresh home every server migrates a database, and servers that do so together end each
/// other. A warm home spares them that, and 0.3 to 0.4 of the 3.5 s from start to the first answer
/// (1.18.33 on two cores).
fn warm_home(version: &str) -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = parent.join(format!("warm-{version}"));
    let lock = File::create(parent.join(format!("warm-{version}.lock"))).expect("a lock file");
    fs2::FileExt::lock_exclusive(&lock).expect("the lock of the warm home");
    if home.exists() {
        return home;
    }
    let mut sandbox = Sandbox::new("warm-home");
    sandbox.use_real_version(version);
    let model = Model::start();
    sandbox.configure(&sandbox.work(), &config(&model));
    let server = sandbox.serve();
    // At the first request for a directory it writes the rest of what it writes in a fresh home.
    http_client::get(&format!("{}/session", server.url())).expect("an answer");
    server.running.signal(Signal::TERM);
    server.running.wait(Duration::from_secs(20));
    // The server does not fold the write-ahead log into the database when it ends, so that the
    // files are only good together.
    let partial = parent.join(format!("warm-{version}.partial"));
    drop(std::fs::remove_dir_all(&partial));
    copy(&sandbox.home(), &partial).expect("a copy of the home");
    note_plugin(&partial.join(".config/opencode"), version).expect("the note of a package");
    std::fs::rename(&partial, &home).expect("the warm home in place");
    home
}

/// Notes in a directory of settings that the package for plugins is installed there, as it is in
/// the home of every user. Otherwise each server loads a package manager at its first request, and
/// tries to install what no test needs: a tenth of the processor time until its first answer.
fn note_plugin(directory: &Path, version: &str) -> std::io::Result<()> {
    let needed = json!({"dependencies": {"@opencode-ai/plugin": version}});
    let locked = json!({"lockfileVersion": 3, "packages": {"": needed}});
    std::fs::create_dir_all(directory.join("node_modules"))?;
    std::fs::write(directory.join("package.json"), needed.to_string())?;
    std::fs::write(directory.join("package-lock.json"), locked.to_string())
}

/// Copies a tree of directories and files, without OpenCode's logs and locks.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if [OsStr::new("log"), OsStr::new("locks")].contains(&name.as_os_str()) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
