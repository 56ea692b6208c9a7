//! Waits for the store's lock: in a crowd for as long as the others get on, behind one that hangs not for long.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};
use crate::units::{LOCK_CROWD_WAIT, LOCK_NOTICE, LOCK_WAIT, seconds};

/// How often a held lock is tried again. Constant on purpose: pauses that grow would make those
/// who have waited longest wait longer still.
const LOCK_POLL: Duration = Duration::from_millis(4);
/// How often it is looked whether anybody gets on.
const LOOK: Duration = Duration::from_millis(500);

/// How long the lock is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// While nobody saves the store, which is what every other holder does.
    pub still: Duration,
    /// At most.
    pub most: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { still: LOCK_WAIT, most: LOCK_CROWD_WAIT }
    }
}

/// Opens and locks `path`; closing it gives it back. `say` is called once when it takes long. It is given up
/// after a wait without a new `store`, or as long as there is `patience`, or when a first `signal` arrives
/// meanwhile. Whoever tidies up after one waits no longer than behind a holder that hangs.
pub fn take(
    path: &Path,
    store: &Path,
    patience: Patience,
    say: &dyn Fn(&str),
    signal: &dyn Fn() -> Option<Code>,
) -> Result<File> {
    let failed = |error| Error::store(format!("cannot lock {}: {error}", path.display()));
    let file = super::private_file(path, false).map_err(failed)?;
    let began = Instant::now();
    let mut looked = began;
    let (mut saved, mut last_save) = (version(store), began);
    let (mut told, tidies_up) = (false, signal().is_some());
    let most = if tidies_up { patience.most.min(LOCK_WAIT) } else { patience.most };
    loop {
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        }
        if let (Some(code), false) = (signal(), tidies_up) {
            let message = format!("interrupted in its wait for the lock on {}", path.display());
            return Err(Error::new(code, message));
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            let now = version(store);
            if now != saved {
                (saved, last_save) = (now, looked);
            }
        }
        let who = match () {
            () if last_save.elapsed() >= patience.still => {
                Some(("another process has", patience.still))
            }
            () if began.elapsed() >= most => Some(("others have", most)),
            () => None,
        };
        if let Some((who, waited)) = who {
            let message = format!("{who} held {} for {}", path.display(), seconds(waited));
            let hint = format!("fuser {} names it", path.display());
            return Err(Error::store(message).hint(hint));
        }
        if !told && began.elapsed() >= LOCK_NOTICE {
            say(&format!("waiting for the lock on {}", path.display()));
            told = true;
        }
        std::thread::sleep(LOCK_POLL);
    }
}

/// What every save changes; `None` if there is no store.
fn version(store: &Path) -> Option<(u64, i64, i64)> {
    let facts = std::fs::metadata(store).ok()?;
    Some((facts.ino(), facts.mtime(), facts.mtime_nsec()))
}
