//! One parent a shard: a second one on the same directory would spend everything twice.
//!
//! A lock keeps out other processes of this machine. On some network file systems it does not keep
//! out those of others, because there are no locks or because each machine has its own. So the
//! parent also gives a sign of life: a line in the file that it locks, which changes every ten
//! seconds. A later parent takes it for dead only if the lock proves it (same machine), or if the
//! line has not changed while it looked on. No clock is read for that: those of two hosts differ.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::options::BatchWatcher;
use crate::bench::schedule::Shard;
use crate::error::{Error, Result};
use crate::runner::Signals;
use crate::runner::programs::own_home;
use crate::units::pause;

/// How often a sign of life is given.
const BEAT: Duration = Duration::from_secs(10);
/// A parent that gives none for so long is dead. On a busy disk a sign may come late.
const SILENCE: Duration = Duration::from_secs(45);
/// How often a later parent looks for one.
const GLANCE: Duration = Duration::from_millis(500);
/// What two parents that begin at the same moment may need until both have read what came last.
const CLAIM: Duration = Duration::from_secs(2);

/// `bench status` holds the lock for a moment while it looks at it: so often, and so far apart, a
/// parent tries before it believes that another one works.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(40);

/// Held for as long as the parent of a shard works.
pub struct ParentLock {
    path: PathBuf,
    /// Locked for as long as it is open, where there are locks.
    file: File,
    /// What no other parent writes.
    token: String,
    beats: u64,
    last: Instant,
    is_lost: bool,
}

/// How long to wait for signs of life; tests are in a hurry.
#[derive(Clone, Copy)]
struct Patience {
    silence: Duration,
    glance: Duration,
    claim: Duration,
}

impl ParentLock {
    /// Takes the lock, or says that another process holds it (exit 9). A signal ends the process
    /// while it waits for a sign of life.
    pub fn take(
        directory: &Path,
        shard: Shard,
        signals: &Signals,
        watcher: &mut dyn BatchWatcher,
    ) -> Result<ParentLock> {
        let patience = Patience { silence: SILENCE, glance: GLANCE, claim: CLAIM };
        signals.set_fatal(true);
        let taken = take(directory, shard, patience, &mut |notice| watcher.warned(notice));
        signals.set_fatal(false);
        taken
    }

    /// Gives a sign of life, if it is time for one; whether the shard is still this process's own.
    /// One that was stopped for a while can find that another has taken it over.
    pub fn beat(&mut self) -> bool {
        if !self.is_lost && self.last.elapsed() >= BEAT {
            self.beat_now();
        }
        !self.is_lost
    }

    fn beat_now(&mut self) {
        self.last = Instant::now();
        // A directory that cannot be read now may be there again later.
        self.is_lost = read(&self.path).is_ok_and(|line| token(&line) != self.token);
        if !self.is_lost {
            self.beats += 1;
            let _ = self.file.write_all_at(line(&self.token, self.beats).as_bytes(), 0);
        }
    }
}

impl Drop for ParentLock {
    fn drop(&mut self) {
        // The line of a parent that took over is its own.
        if read(&self.path).is_ok_and(|line| token(&line) == self.token) {
            let _ = self.file.set_len(0);
        }
    }
}

fn take(
    directory: &Path,
    shard: Shard,
    patience: Patience,
    say: &mut dyn FnMut(&str),
) -> Result<ParentLock> {
    let path = path(directory, shard);
    let failed =
        |error: io::Error| Error::store(format!("cannot lock {}: {error}", path.display()));
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = file.map_err(failed)?;
    let Some(has_locks) = lock(&file) else { return Err(taken(directory, shard)) };
    let is_exclusive = |line: &str| has_locks && is_of_own_machine(line);
    let found = read(&path).map_err(failed)?;
    if !found.is_empty() && !is_exclusive(&found) {
        say(&format!(
            "a process worked on shard {} that no lock of this machine tells of: waiting up to {} \
             s for a sign of its life",
            shard.name(),
            patience.silence.as_secs()
        ));
        if changes(&path, &found, patience).map_err(failed)? {
            return Err(taken(directory, shard));
        }
    }
    let token = crate::random::id().simple().to_string();
    file.write_all_at(line(&token, 0).as_bytes(), 0).map_err(failed)?;
    if !has_locks {
        // Two that began at the same moment both find no line; the one that wrote last stays.
        pause(patience.claim);
        if self::token(&read(&path).map_err(failed)?) != token {
            return Err(taken(directory, shard));
        }
    }
    Ok(ParentLock { path, file, token, beats: 0, last: Instant::now(), is_lost: false })
}

/// Locks a file; `None` if another process has it, and false where the file system has no locks.
pub fn lock(file: &File) -> Option<bool> {
    for _ in 0..LOOKS {
        match fs2::FileExt::try_lock_exclusive(file) {
            Ok(()) => return Some(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => pause(LOOK),
            Err(_) => return Some(false),
        }
    }
    None
}

/// Whether the line in a file becomes another one while we look on. One that goes is that of a
/// parent that has ended well.
fn changes(path: &Path, found: &str, patience: Patience) -> io::Result<bool> {
    let began = Instant::now();
    while began.elapsed() < patience.silence {
        pause(patience.glance);
        let now = read(path)?;
        if now != found {
            return Ok(!now.is_empty());
        }
    }
    Ok(false)
}

/// Whether a parent works on that shard now, as far as a short look tells.
pub fn is_held(directory: &Path, shard: Shard) -> bool {
    let path = path(directory, shard);
    let Ok(file) = File::open(&path) else { return false };
    let has_locks = match fs2::FileExt::try_lock_shared(&file) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
        Err(_) => false,
    };
    let line = read(&path).unwrap_or_default();
    let is_dead = line.is_empty() || (has_locks && is_of_own_machine(&line));
    !is_dead && is_fresh(&file)
}

/// Whether a sign of life was given a short while ago, if the clock of that host is not behind.
fn is_fresh(file: &File) -> bool {
    let changed = file.metadata().and_then(|data| data.modified()).ok();
    let age = changed.and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_none_or(|age| age < SILENCE)
}

/// A sign of life: who gives it, on which boot of which machine, and how many there were. All have
/// the same length, so that a reader never finds the file empty while one is written.
fn line(token: &str, beats: u64) -> String {
    format!("{token} {} {beats:020}\n", own_home().boot)
}

fn token(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

/// Whether a line was written on this machine since it was started.
fn is_of_own_machine(line: &str) -> bool {
    let boot = &own_home().boot;
    !boot.is_empty() && line.split(' ').nth(1) == Some(boot)
}

/// Opens the file anew: a network file system may answer from memory otherwise.
fn read(path: &Path) -> io::Result<String> {
    fs::read(path).map(|line| String::from_utf8_lossy(&line).into_owned())
}

fn path(directory: &Path, shard: Shard) -> PathBuf {
    directory.join(format!(".shard-{}-of-{}.lock", shard.index, shard.count))
}

fn taken(directory: &Path, shard: Shard) -> Error {
    let (name, shown) = (shard.name(), directory.display());
    Error::store(format!("another occtl bench run works on shard {name} of {shown}"))
        .hint("occtl bench status shows how far it is")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::scratch;

    const HURRY: Patience = Patience {
        silence: Duration::from_millis(100),
        glance: Duration::from_millis(5),
        claim: Duration::ZERO,
    };

    /// Takes the lock in a hurry; whether that was refused, and whether it waited before.
    fn hurry(directory: &Path) -> (bool, bool) {
        let mut waited = false;
        let lock = take(directory, Shard::WHOLE, HURRY, &mut |_| waited = true);
        (lock.is_err(), waited)
    }

    /// A sign of life from another machine, whose clock says something else.
    fn sign_from_elsewhere(directory: &Path, beats: u64, clock: SystemTime) {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false);
        let file = file.open(path(directory, Shard::WHOLE)).unwrap();
        let line = format!("{} another-boot {beats:020}\n", "f".repeat(32));
        file.write_all_at(line.as_bytes(), 0).unwrap();
        file.set_modified(clock).unwrap();
    }

    #[test]
    fn a_parent_that_was_killed_on_this_machine_is_followed_at_once() {
        let directory = scratch("lock-killed");
        let file = path(&directory, Shard::WHOLE);
        fs::write(&file, line(&"e".repeat(32), 7)).unwrap();
        assert_eq!(hurry(&directory), (false, false));
        assert_eq!(fs::read(&file).unwrap(), b"", "one that ends well leaves no sign of life");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn one_of_another_machine_is_dead_if_it_gives_no_sign_whatever_its_clock_says() {
        let directory = scratch("lock-silent");
        let hour = Duration::from_secs(3600);
        for clock in [SystemTime::now() - hour, SystemTime::now(), SystemTime::now() + hour] {
            sign_from_elsewhere(&directory, 3, clock);
            assert_eq!(hurry(&directory), (false, true));
        }
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn one_of_another_machine_that_gives_signs_keeps_its_shard_whatever_its_clock_says() {
        let directory = scratch("lock-alive");
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        sign_from_elsewhere(&directory, 0, long_ago);
        let mut beat = |_: &str| sign_from_elsewhere(&directory, 1, long_ago);
        let lock = take(&directory, Shard::WHOLE, HURRY, &mut beat);
        assert_eq!(lock.err().map(|error| error.code.exit()), Some(9));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_parent_that_was_stopped_for_long_finds_that_another_has_its_shard() {
        let directory = scratch("lock-lost");
        let mut lock = take(&directory, Shard::WHOLE, HURRY, &mut |_| ()).unwrap();
        lock.beat_now();
        assert!(lock.beat());
        assert!(is_held(&directory, Shard::WHOLE));
        sign_from_elsewhere(&directory, 0, SystemTime::now());
        lock.beat_now();
        assert!(!lock.beat());
        drop(lock);
        assert!(is_held(&directory, Shard::WHOLE), "the other one still works");
        fs::remove_dir_all(directory).unwrap();
    }
}
