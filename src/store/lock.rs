//! Waits for the store lock: patiently while other processes make progress, briefly if the holder
//! is stuck.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::safety::private_file;
use crate::error::{Code, Error, Result};
use crate::units::{LOCK_CROWD_WAIT, LOCK_NOTICE, LOCK_WAIT, seconds};

/// How often a held lock is tried again. Constant on purpose: with growing pauses, those that have
/// waited longest would wait longer still.
const LOCK_POLL: Duration = Duration::from_millis(4);
/// How often the store is checked for a save by another process.
const SAVE_CHECK: Duration = Duration::from_millis(500);

/// How long a process waits for the lock.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// While no other process saves the store. Every holder that makes progress does.
    pub still: Duration,
    /// In total.
    pub most: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { still: LOCK_WAIT, most: LOCK_CROWD_WAIT }
    }
}

/// Opens and locks `path`; closing the file unlocks it. `say` is called once if it takes long.
///
/// Gives up if `store` has not changed for `patience.still`, after `patience.most` in total, or
/// when the first signal arrives. After a signal (cleaning up) it waits at most [`LOCK_WAIT`] in
/// total.
pub fn take(
    path: &Path,
    store: &Path,
    patience: Patience,
    say: fn(&str),
    signal: &dyn Fn() -> Option<Code>,
) -> Result<File> {
    let failed = |error| Error::store(format!("cannot lock {}: {error}", path.display()));
    let file = private_file(path, false).map_err(failed)?;
    let began = Instant::now();
    let mut checked = began;
    let mut last_save = began;
    let mut saved = version(store);
    let mut told = false;
    let cleans_up = signal().is_some();
    let most = if cleans_up { patience.most.min(LOCK_WAIT) } else { patience.most };
    loop {
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        }
        if !cleans_up && let Some(code) = signal() {
            let (how, shown) = (code.interrupted(), path.display());
            let message = format!("{how} while it waited for the lock on {shown}");
            return Err(Error::new(code, message));
        }
        if checked.elapsed() >= SAVE_CHECK {
            checked = Instant::now();
            let now = version(store);
            if now != saved {
                saved = now;
                last_save = checked;
            }
        }
        let shown = path.display();
        if last_save.elapsed() >= patience.still {
            let waited = seconds(patience.still);
            return Err(too_long(path, format!("another process has held {shown} for {waited}")));
        }
        if began.elapsed() >= most {
            let waited = seconds(most);
            return Err(too_long(path, format!("others have held {shown} for {waited}")));
        }
        if !told && began.elapsed() >= LOCK_NOTICE {
            say(&format!("waiting for the lock on {}", path.display()));
            told = true;
        }
        std::thread::sleep(LOCK_POLL);
    }
}

fn too_long(path: &Path, message: String) -> Error {
    Error::store(message).hint(format!("fuser {} names it", path.display()))
}

/// What every save changes about the file.
#[derive(PartialEq)]
struct Version {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

/// The version of the store; `None` if there is none.
fn version(store: &Path) -> Option<Version> {
    let facts = std::fs::metadata(store).ok()?;
    let (seconds, nanoseconds) = (facts.mtime(), facts.mtime_nsec());
    Some(Version { inode: facts.ino(), seconds, nanoseconds })
}
