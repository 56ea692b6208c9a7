//! What an agent finds around its tree: a home of its own, a clean environment, and the keys that
//! it is given.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::judge::error;
use super::secrets::Secrets;
use crate::bench::plan::{Auth, Plan};
use crate::bench::results::line::LineError;
use crate::bench::site::{MARK, Site};
use crate::runner::Environment;
use crate::runner::programs::Variables;
use crate::sorting;

/// Variables of the caller that every process of a run has.
const FROM_CALLER: [&str; 3] = ["PATH", "LANG", "TZ"];

/// The ports that servers may have.
const PORTS: &str = "OCCTL_PORT_RANGE";

/// What keeps OpenCode from changing between two runs, or from reading what is not the run's. A
/// plan may set others.
const STEADY: [(&str, &str); 5] = [
    ("TERM", "dumb"),
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("OPENCODE_DISABLE_CLAUDE_CODE", "1"),
];

/// The directories of the XDG standard, below HOME.
const XDG: [(&str, &str); 4] = [
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
    ("XDG_CACHE_HOME", ".cache"),
];

/// The whole environment of the agent's process. `data` is the directory for occtl's sessions.
pub fn variables(site: &Site, data: &Path) -> Variables {
    let Site { plan, task, environment, .. } = site;
    let mut variables = Variables::default();
    for (name, value) in STEADY {
        variables.set(name, value);
    }
    let passed = FROM_CALLER.iter().copied().chain(plan.pass_env.iter().map(String::as_str));
    // Where tests and machines with little room put their servers.
    for name in passed.chain([PORTS]) {
        if let Some(value) = environment.get(name) {
            variables.set(name, value);
        }
    }
    let arm = plan.arms.first().map(|arm| &arm.env);
    for (name, value) in plan.env.iter().chain(arm.into_iter().flatten()).chain(&task.env) {
        variables.set(name, value);
    }
    let home = site.home();
    for (name, place) in XDG {
        variables.set(name, home.join(place));
    }
    variables.set("HOME", home);
    variables.set("TMPDIR", site.temporary());
    variables.set("OCCTL_DATA_DIR", data);
    variables.set(MARK, OsString::from(site.mark()));
    if !plan.wrap.is_empty() && variables.get(PORTS).is_none() {
        variables.set(PORTS, own_ports(&site.mark()));
    }
    variables
}

/// The directory for occtl's sessions: the one of all runs of this host. A container sees nothing
/// but the agent's directory, so there it is one of the run's own.
pub fn data(site: &Site, shared: &Path) -> PathBuf {
    if site.plan.wrap.is_empty() { shared.into() } else { site.agent().join("data") }
}

/// The ports for a run whose sessions other runs cannot see, although its server may share their
/// network: a part of its own, as far as chance gives one.
fn own_ports(mark: &str) -> String {
    let sum = mark.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let first = 10_000 + sum % 200 * 100;
    format!("{first}-{}", first + 99)
}

/// The values of the caller that no artifact may show.
pub fn passed(plan: &Plan, environment: &Environment) -> Secrets {
    let mut secrets = Secrets::default();
    for name in &plan.pass_env {
        if let Some(value) = environment.get(name).and_then(|value| value.to_str()) {
            secrets.add(value);
        }
    }
    secrets
}

/// Copies the user's API keys of the providers in use into the run's home, where the plan says so.
/// A login is refused: OpenCode renews it, and the copy that is renewed first logs the others out.
pub fn copy_keys(site: &Site, secrets: &mut Secrets) -> Result<(), LineError> {
    if site.plan.auth != Auth::Copy {
        return Ok(());
    }
    let failed = |what: String| error("authentication", &what);
    let own = site.environment.data_home().map(|home| home.join("opencode/auth.json"));
    let own = own.ok_or_else(|| failed("HOME is not set, so there are no keys to copy".into()))?;
    let text = fs::read_to_string(&own)
        .map_err(|error| failed(format!("cannot read {}: {error}", own.display())))?;
    let all: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut copied = Map::new();
    for provider in providers(site.plan) {
        let Some(entry) = all.get(&provider) else { continue };
        if entry["type"] != "api" {
            return Err(failed(format!(
                "provider {provider} has a login and no API key in {}: a copied login would be \
                 renewed in one run and lost in all others",
                own.display()
            )));
        }
        for value in entry.as_object().into_iter().flat_map(Map::values) {
            value.as_str().into_iter().for_each(|value| secrets.add(value));
        }
        copied.insert(provider, entry.clone());
    }
    write(&site.home().join(".local/share/opencode"), &Value::from(copied))
        .map_err(|error| failed(format!("cannot copy keys: {error}")))
}

fn write(place: &Path, keys: &Value) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(place)?;
    let mut options = fs::File::options();
    let file = options.write(true).create_new(true).mode(0o600).open(place.join("auth.json"))?;
    io::Write::write_all(&mut &file, keys.to_string().as_bytes())
}

/// The providers that the arm names, by itself and in its configuration.
fn providers(plan: &Plan) -> Vec<String> {
    let Some(arm) = plan.arms.first() else { return Vec::new() };
    let named = |key: &str| arm.config[key].as_str();
    let models = [arm.model.as_deref(), named("model"), named("small_model")];
    let mut found: Vec<String> = models
        .into_iter()
        .flatten()
        .filter_map(|name| Some(name.split_once('/')?.0.to_string()))
        .collect();
    sorting::sort(&mut found);
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runner::environment::tests::environment;

    /// A user with keys and a login, and a plan that copies keys for this model.
    fn copied(name: &str, model: &str, auth: &str) -> (PathBuf, Result<(), LineError>, Secrets) {
        let root = std::env::temp_dir().join(format!("occtl-keys-{name}-{}", std::process::id()));
        let own = root.join("user/.local/share/opencode");
        fs::create_dir_all(&own).unwrap();
        let keys = json!({"paid": {"type": "api", "key": "sk-paid-1"},
                          "other": {"type": "api", "key": "sk-other"},
                          "login": {"type": "oauth", "refresh": "r", "access": "a"}});
        fs::write(own.join("auth.json"), keys.to_string()).unwrap();
        let plan = json!({"schema": 1, "name": "p", "auth": auth, "pass_env": ["SOME_KEY"],
                          "env": {"CI": "plan", "LANG": "plan"},
                          "tasks": [{"id": "t", "instruction": "x", "env": {"CI": "task"}}],
                          "arms": [{"id": "a", "model": model, "env": {"CI": "arm", "ARM": "1"}}]});
        let plan = Plan::resolved(plan.to_string(), "a test").unwrap();
        let home = root.join("user").display().to_string();
        let environment = environment(&[
            ("HOME", &home),
            ("PATH", "/bin"),
            ("LANG", "C"),
            ("SECRET", "x"),
            ("SOME_KEY", "sk-passed"),
        ]);
        let scratch = root.join("mark");
        let site = Site {
            plan: &plan,
            task: &plan.tasks[0],
            overlay: None,
            opencode: None,
            scratch: &scratch,
            environment: &environment,
            is_alone: true,
            is_stopped: &|| false,
        };
        let mut secrets = passed(&plan, &environment);
        let copied = copy_keys(&site, &mut secrets);
        let given = variables(&site, Path::new("/data"));
        let get = |name: &str| given.get(name).map(|value| value.to_str().unwrap().to_owned());
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(get("CI"), value("task"), "the last one wins");
        assert_eq!((get("LANG"), get("ARM")), (value("plan"), value("1")));
        assert_eq!((get("PATH"), get("SOME_KEY")), (value("/bin"), value("sk-passed")));
        assert_eq!((get("SECRET"), get(MARK)), (None, value("mark")));
        assert_eq!(get("HOME"), value(site.home().to_str().unwrap()));
        (root, copied, secrets)
    }

    #[test]
    fn only_the_keys_of_providers_in_use_are_copied_and_no_login_is() {
        let (root, result, secrets) = copied("api", "paid/m", "copy");
        result.unwrap();
        let copy = root.join("mark/agent/home/.local/share/opencode/auth.json");
        let text = fs::read_to_string(copy).unwrap();
        assert!(text.contains("sk-paid-1") && !text.contains("sk-other"), "{text}");
        assert_eq!(secrets.mask("sk-paid-1 sk-passed sk-other"), "*** *** sk-other");
        fs::remove_dir_all(root).unwrap();
        let (root, result, _) = copied("oauth", "login/m", "copy");
        let error = result.unwrap_err();
        assert_eq!(error.name, "authentication");
        assert!(error.message.contains("provider login has a login"), "{}", error.message);
        fs::remove_dir_all(root).unwrap();
        let (root, result, _) = copied("none", "paid/m", "none");
        result.unwrap();
        assert!(!root.join("mark/agent/home").exists());
        fs::remove_dir_all(root).unwrap();
    }
}
