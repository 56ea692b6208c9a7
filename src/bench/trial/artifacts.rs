//! What is kept of an attempt.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::judge::Left;
use super::secrets::{Secrets, open_plain};
use crate::bench::site::Site;
use crate::error::{Error, Result};
use crate::runner::programs::attend;
use crate::sorting;
use crate::units::Deadline;

/// The largest document of the agent's process that is read.
const LARGEST: u64 = 256 << 20;

/// How long a tree may take to be copied to another file system.
const COPY_TAKES: Duration = Duration::from_secs(600);

/// What the agent's process has left.
pub fn left(outbox: &Path) -> Left {
    let read = |name: &str| document(&outbox.join(name));
    Left {
        turn: read("turn.json"),
        end: read("end.json"),
        usage: read("usage.json"),
        server: read("server.json"),
    }
}

/// A document that the agent's process may have left; null if there is none.
pub fn document(path: &Path) -> Value {
    let mut text = String::new();
    let file = open_plain(path);
    let read = file.and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Keeps what one try has left. `name` gives a file's name; those of earlier tries have others.
pub fn keep_try(
    site: &Site,
    place: &Path,
    secrets: &Secrets,
    name: &dyn Fn(&str, &str) -> String,
) -> io::Result<()> {
    let outbox = site.outbox();
    let printed = outbox.join("server.log");
    let own = site.scratch.join(AGENT_LOG);
    let mut logs = vec![own.as_path(), printed.as_path()];
    let directory = site.home().join(".local/share/opencode/log");
    let mut found: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|one| one.path()).collect();
    sorting::sort(&mut found);
    logs.extend(found.iter().map(PathBuf::as_path));
    secrets.copy(&logs, &place.join(name("server", "log")))?;
    secrets.copy(&[&outbox.join("turn.json")], &place.join(name("turn", "json")))?;
    secrets.copy(&[&outbox.join("transcript.json")], &place.join("transcript.json"))
}

/// Makes the directory for what is kept of an attempt. What this process has to say, a panic
/// included, goes to a log there from now on: many of them share the terminal of their parent.
pub fn begin(place: &Path) -> Result<()> {
    let log = place.join("trial.log");
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let begun = make_private(place)
        .and_then(|()| options.open(&log))
        .and_then(|log| Ok(rustix::stdio::dup2_stderr(log)?));
    begun.map_err(|error| Error::failed(format!("cannot write {}: {error}", log.display())))
}

/// Makes a directory, and those above it, that no other user can look into.
pub fn make_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What the agent's process itself printed, below the run's directory.
pub const AGENT_LOG: &str = "agent.log";

/// Moves the working tree to where it is kept, in place of that of an earlier attempt.
pub fn keep_tree(tree: &Path, keep: &Path) -> io::Result<()> {
    match fs::remove_dir_all(keep) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(parent) = keep.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::rename(tree, keep) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let mut copy = Command::new("cp");
            copy.args(["-a", "--"]).arg(tree).arg(keep);
            attend(&mut copy, Deadline::after(COPY_TAKES), &|| false).map(drop)
        }
        moved => moved,
    }
}

/// Writes a file that is complete as soon as it is there, whatever happens to the machine.
pub fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}
