//! The directory of a batch: which batch it is, and its plan.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bench::plan::Plan;
use crate::bench::schedule::Shard;
use crate::bench::trial::artifacts::make_private;
use crate::error::{Error, Result};

/// A directory that holds a batch.
#[derive(Debug)]
pub struct Directory {
    /// Absolute.
    pub path: PathBuf,
    /// The batch's id.
    pub batch: String,
    /// How many shards it is split into.
    pub shards: u32,
}

impl Directory {
    /// Opens the directory of a batch, or makes it one. The first process that comes decides which
    /// batch it is; `batch` is what this one would call it.
    pub fn create(path: &Path, batch: &str, shard: Shard) -> Result<Directory> {
        let failed =
            |error: io::Error| Error::failed(format!("cannot create {}: {error}", path.display()));
        fs::create_dir_all(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        make_private(&path.join(RUNNING)).map_err(failed)?;
        let text = json!({"schema": 1, "batch": batch, "shards": shard.count});
        let about = path.join(ABOUT);
        if !about.exists() {
            write_new(&about, &format!("{text}\n"))?;
        }
        let found = Directory::open(&path)?;
        if found.shards != shard.count {
            let (have, want, shown) = (found.shards, shard.count, path.display());
            return Err(Error::usage(format!("{shown} is split into {have} shards, not {want}"))
                .hint("another number of shards needs another directory"));
        }
        Ok(found)
    }

    /// Opens the directory of a batch that is there.
    pub fn open(path: &Path) -> Result<Directory> {
        let about = path.join(ABOUT);
        let text = fs::read_to_string(&about).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                let shown = path.display();
                Error::not_found(format!("{shown} is no directory of a benchmark: no {ABOUT}"))
            }
            _ => Error::failed(format!("cannot read {}: {error}", about.display())),
        })?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let batch = value["batch"].as_str().filter(|batch| !batch.is_empty());
        let shards = value["shards"].as_u64().and_then(|count| u32::try_from(count).ok());
        match (batch, shards) {
            (Some(batch), Some(shards)) if shards > 0 => {
                Ok(Directory { path: path.into(), batch: batch.into(), shards })
            }
            _ => Err(Error::failed(format!("{} cannot be understood", about.display()))),
        }
    }

    /// Whether the batch has a plan: another process may be about to write it.
    pub fn has_plan(&self) -> bool {
        self.path.join(PLAN).exists()
    }

    /// The plan that the batch goes by.
    pub fn plan(&self) -> Result<Plan> {
        Plan::read(&self.path.join(PLAN))
    }

    /// Makes `plan` the batch's if it has none. An error if it may not become the batch's either: a
    /// batch of several shards goes by one plan for ever.
    pub fn begin_plan(&self, plan: &Plan) -> Result<()> {
        let path = self.path.join(PLAN);
        if !path.exists() {
            write_new(&path, &text_of(plan))?;
        }
        let is_same = self.plan()?.sha256 == plan.sha256;
        if self.shards > 1 && !is_same {
            let shown = self.path.display();
            return Err(Error::usage(format!("{shown} has another plan, and several shards"))
                .hint("a changed plan needs another directory"));
        }
        Ok(())
    }

    /// Makes `plan` the batch's in place of the one that it had. What it no longer has stays in the
    /// results.
    pub fn change_plan(&self, plan: &Plan) -> Result<()> {
        if self.plan()?.sha256 == plan.sha256 {
            return Ok(());
        }
        replace(&self.path.join(PLAN), &text_of(plan))
    }
}

/// The directory with the orders of the runs that go on.
pub const RUNNING: &str = "running";
/// Says which batch it is.
const ABOUT: &str = "batch.json";
/// The plan as resolved.
const PLAN: &str = "plan.json";

fn text_of(plan: &Plan) -> String {
    format!("{:#}\n", plan.to_json())
}

/// Writes a file that appears with its whole content, unless it is there already: the first of
/// several processes wins.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let temporary = temporary(path);
    let made = store(&temporary, text).and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A file system without hard links. Another process may be as fast, and then both read what
        // came last.
        Err(_) if !path.exists() => fs::rename(&temporary, path),
        other => other,
    });
    let _ = fs::remove_file(&temporary);
    made.map_err(|error| trouble(path, &error))
}

/// Replaces a file. After a crash the old or the new one is there, and whole.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let temporary = temporary(path);
    let made = store(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    made.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        trouble(path, &error)
    })
}

fn store(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", crate::random::id().simple()))
}

/// A file that cannot be written.
pub fn trouble(path: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot write {}: {error}", path.display()))
}
