//! `wrap`: the words that go before a command, so that it runs in a container or a sandbox.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::site::{Site, Trouble, TroubleKind};
use crate::runner::programs::attend;
use crate::units::Deadline;

/// How long `wrap_kill` may take before what was started is killed all the same.
const KILL_TAKES: Duration = Duration::from_secs(10);

/// What runs in the container or sandbox: enters the directory and starts the command with nothing
/// but these variables and the PATH that is there, which is the image's.
const INSIDE: &str = "cd -- \"$1\" || exit 126; shift; exec env -i PATH=\"$PATH\" \"$@\"";

/// Variables of the caller that the programs of `wrap` need to find their servers and settings.
/// What ends in `_` is the beginning of names.
const KEPT: [&str; 15] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_",
    "CONTAINER_",
    "CONTAINERS_",
    "SLURM_",
];

/// A command as it is started, and how it is ended.
pub struct Wrapped {
    /// Program and arguments, `wrap` included.
    pub words: Vec<OsString>,
    /// `wrap_kill` with its placeholders filled in; empty if there is none.
    pub kill: Vec<OsString>,
}

/// The unique name on this host of a run's agent or check: what `{name}` stands for. It follows
/// from the run's directory, so that a later process can end what an earlier one left.
pub fn name(site: &Site, role: &str) -> String {
    format!("occtl-{}-{role}", site.mark())
}

/// Puts the plan's `wrap` before a command. `run` is the directory that the command may see:
/// [`Site::agent`] for an agent. `name` is what `{name}` stands for, see [`name`].
///
/// Without `wrap` it is the command itself.
pub fn command(
    site: &Site,
    run: &Path,
    name: &str,
    command: &[OsString],
) -> Result<Wrapped, Trouble> {
    let mut words = fill(site, (run, name), &site.plan.wrap)?;
    words.extend_from_slice(command);
    let kill = fill(site, (run, name), &site.plan.wrap_kill)?;
    Ok(Wrapped { words, kill })
}

/// A command that runs in a directory with exactly these variables and the PATH of the place where
/// it runs. Containers take neither from the program that starts them, and sandboxes take all.
pub fn inside(
    directory: &Path,
    variables: &BTreeMap<OsString, OsString>,
    command: &[OsString],
) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["sh", "-c", INSIDE, "sh"].map(Into::into).into();
    words.push(directory.into());
    for (name, value) in variables.iter().filter(|(name, _)| *name != "PATH") {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        words.push(pair);
    }
    words.extend_from_slice(command);
    words
}

/// The environment of the programs of `wrap` themselves.
pub fn variables(site: &Site) -> BTreeMap<OsString, OsString> {
    let is_kept = |name: &str| {
        KEPT.iter().any(|kept| *kept == name || kept.ends_with('_') && name.starts_with(kept))
    };
    let all = site.environment.variables.iter();
    let kept = all.filter(|(name, _)| name.to_str().is_some_and(is_kept));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Wrapped {
    /// Runs `wrap_kill`, for at most a few seconds. What was started is to be killed afterwards.
    pub fn kill(&self, site: &Site) {
        let [program, arguments @ ..] = &self.kill[..] else { return };
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(variables(site)).current_dir("/");
        // Whether it succeeds does not matter: the container may be gone already.
        let _ = attend(&mut command, Deadline::after(KILL_TAKES), &|| false);
    }
}

/// Words with their placeholders filled in.
fn fill(site: &Site, place: (&Path, &str), words: &[String]) -> Result<Vec<OsString>, Trouble> {
    words.iter().map(|word| fill_word(site, place, word)).collect()
}

fn fill_word(site: &Site, (run, name): (&Path, &str), word: &str) -> Result<OsString, Trouble> {
    let missing = |what: &str| Trouble::new(TroubleKind::Setup, format!("wrap needs {what}"));
    let mut filled = Vec::new();
    let mut rest = word;
    while let Some((before, from)) = rest.split_once('{') {
        filled.extend_from_slice(before.as_bytes());
        let (value, after): (OsString, &str) = if let Some(after) = from.strip_prefix("run}") {
            (run.into(), after)
        } else if let Some(after) = from.strip_prefix("name}") {
            (name.into(), after)
        } else if let Some(after) = from.strip_prefix("occtl}") {
            let own = std::env::current_exe();
            (own.map_err(|_| missing("the path of occtl"))?.into(), after)
        } else if let Some(after) = from.strip_prefix("opencode}") {
            (site.opencode.ok_or_else(|| missing("the path of OpenCode"))?.into(), after)
        } else if let Some(after) = from.strip_prefix("image}") {
            let image = site.task.image.as_ref().filter(|image| !image.is_empty());
            let missing = || missing(&format!("an image, and task {} names none", site.task.id));
            (image.ok_or_else(missing)?.into(), after)
        } else {
            // Formats of other programs have braces too: {{.ID}}
            ("{".into(), from)
        };
        filled.extend_from_slice(value.as_bytes());
        rest = after;
    }
    filled.extend_from_slice(rest.as_bytes());
    Ok(OsString::from_vec(filled))
}
