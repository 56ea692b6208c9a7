//! One parent a shard: a second one on the same directory would spend everything twice.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::bench::schedule::Shard;
use crate::error::{Error, Result};

/// A sign of life that is older is that of a parent that has died.
const HEARTBEAT_OLD: Duration = Duration::from_secs(60);
/// How often one is given.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Held for as long as the parent of a shard works.
pub struct ParentLock {
    path: PathBuf,
    /// Open for as long as the lock is held.
    _file: File,
    /// When the last sign of life was given, where the file system knows no locks.
    beat: Option<Instant>,
}

impl ParentLock {
    /// Takes the lock, or says that another process holds it (exit 9).
    pub fn take(directory: &Path, shard: Shard) -> Result<ParentLock> {
        let path = path(directory, shard);
        let failed =
            |error: io::Error| Error::store(format!("cannot lock {}: {error}", path.display()));
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(failed)?;
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => Ok(ParentLock { path, _file: file, beat: None }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(taken(directory, shard)),
            // The file system has no locks: the age of a file says whether a parent is alive.
            Err(_) if is_fresh(&file) => Err(taken(directory, shard)),
            Err(_) => {
                fs::write(&path, ALIVE).map_err(failed)?;
                Ok(ParentLock { path, _file: file, beat: Some(Instant::now()) })
            }
        }
    }

    /// Gives a sign of life, where that is needed.
    pub fn beat(&mut self) {
        if self.beat.is_some_and(|last| last.elapsed() >= HEARTBEAT) {
            let _ = fs::write(&self.path, ALIVE);
            self.beat = Some(Instant::now());
        }
    }
}

impl Drop for ParentLock {
    fn drop(&mut self) {
        if self.beat.is_some() {
            let _ = fs::write(&self.path, "");
        }
    }
}

/// Whether a parent works on that shard now.
pub fn is_held(directory: &Path, shard: Shard) -> bool {
    let Ok(file) = File::open(path(directory, shard)) else { return false };
    match fs2::FileExt::try_lock_shared(&file) {
        Ok(()) => false,
        Err(error) => error.kind() == ErrorKind::WouldBlock || is_fresh(&file),
    }
}

const ALIVE: &str = "alive\n";

fn path(directory: &Path, shard: Shard) -> PathBuf {
    directory.join(format!(".shard-{}-of-{}.lock", shard.index, shard.count))
}

/// Whether a sign of life was given a short while ago.
fn is_fresh(file: &File) -> bool {
    let Ok(data) = file.metadata() else { return false };
    let age = data.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    data.len() > 0 && age.is_none_or(|age| age < HEARTBEAT_OLD)
}

fn taken(directory: &Path, shard: Shard) -> Error {
    let (name, shown) = (shard.name(), directory.display());
    Error::store(format!("another occtl bench run works on shard {name} of {shown}"))
        .hint("occtl bench status shows how far it is")
}
