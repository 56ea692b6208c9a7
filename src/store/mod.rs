//! Owns store.json: locks, loads, converts and saves it.
//!
//! Architecture invariant: nothing slow happens under the lock, neither network nor waiting for a
//! process. A command that needs either reserves first, unlocks, and comes back with the result.

mod document;
mod lock;
mod queue;
mod record;
mod safety;
mod scan;
mod source;
mod times;

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

pub use document::{Document, is_id};
pub use lock::Patience;
pub use queue::QueueLock;
pub use record::{Record, Status, Worktree};
pub use safety::{
    can_be_private, make_private, open_reason, private_directory, private_file, unsafe_reason,
};

use crate::error::{Code, Error, Result};

/// A store with more bytes than this, that is of more than about two thousand records, stays in its
/// file and is read from there piece by piece.
const LARGE: u64 = 1 << 20;

/// The directory that holds `store.json`, `store.lock` and `logs/`.
pub struct Store {
    directory: PathBuf,
    say: fn(&str),
    signal: Box<dyn Fn() -> Option<Code>>,
    patience: Cell<Patience>,
}

impl Store {
    /// The store in that directory, which need not exist yet. `say` is called when another process
    /// has held the lock for long, and `signal` returns the signal that ends the wait for it.
    pub fn new(directory: PathBuf, say: fn(&str), signal: Box<dyn Fn() -> Option<Code>>) -> Store {
        Store { directory, say, signal, patience: Cell::default() }
    }

    /// Sets how long commands wait for the lock from now on, and returns what was set before.
    pub fn set_patience(&self, patience: Patience) -> Patience {
        self.patience.replace(patience)
    }

    /// The store as it is now. This needs no lock, because a save replaces the file in one step.
    /// Only 0.4.0 writes in place, so a file that cannot be parsed is read again under the lock.
    pub fn read(&self) -> Result<Document> {
        safety::check_directory(&self.directory)?;
        safety::tighten(&self.directory);
        self.read_now().or_else(|torn| {
            // Writers create these two files. Reading creates nothing.
            if !self.path().is_file() || !self.directory.join("store.lock").is_file() {
                return Err(torn);
            }
            match self.lock() {
                Ok(_lock) => self.read_now(),
                Err(error) if error.code != Code::Store => Err(error),
                Err(_) => Err(torn),
            }
        })
    }

    fn read_now(&self) -> Result<Document> {
        let path = self.path();
        // Anything else, for example a pipe, could be read for ever.
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::store(format!("{} is not a plain file", path.display())));
        }
        safety::check(&path)?;
        safety::tighten(&path);
        let open = || -> io::Result<(File, Vec<u8>)> {
            let file = File::open(&path)?;
            let mut bytes = Vec::new();
            if file.metadata()?.len() <= LARGE {
                (&file).read_to_end(&mut bytes)?;
            }
            Ok((file, bytes))
        };
        match open() {
            Ok((file, bytes)) if bytes.is_empty() => Document::open(&path, file),
            Ok((_, bytes)) => Document::parse(&path, bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Document::empty(&path)),
            Err(error) => Err(Error::store(format!("cannot read {}: {error}", path.display()))),
        }
    }

    /// Changes the store under its lock, and saves it if something changed.
    pub fn update<T>(&self, change: impl FnOnce(&mut Document) -> Result<T>) -> Result<T> {
        self.create_directory()?;
        safety::check_directory(&self.directory)?;
        let _lock = self.lock()?;
        let mut document = self.read_now()?;
        let result = change(&mut document)?;
        if document.has_changed() {
            document.finish()?;
            self.save(&document)?;
        }
        Ok(result)
    }

    /// The directory that holds the store.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The directory of an isolated session's own database and state.
    pub fn isolated_path(&self, session: &str) -> PathBuf {
        self.directory.join("isolated").join(session)
    }

    /// The directory for what is known of programs.
    pub fn programs_path(&self) -> PathBuf {
        self.directory.join("programs")
    }

    /// The file that a session's server writes its output to.
    pub fn log_path(&self, session: &str) -> PathBuf {
        self.directory.join("logs").join(format!("{session}.log"))
    }

    /// Creates that file, or empties it. Only its owner can read it.
    pub fn create_log(&self, session: &str) -> Result<File> {
        self.create_directory()?;
        let path = self.log_path(session);
        let create = || -> io::Result<File> {
            if let Some(parent) = path.parent() {
                private_directory(parent)?;
            }
            private_file(&path, true)
        };
        create().map_err(|error| Error::store(format!("cannot create {}: {error}", path.display())))
    }

    /// The file on which a session's server holds a lock for as long as it lives. It tells the
    /// other machines and containers that share this directory that the server runs.
    pub fn life_lock_path(&self, session: &str) -> PathBuf {
        self.directory.join("locks").join(format!("{session}.lock"))
    }

    /// Creates that file and takes the lock, which is held until every copy of the descriptor is
    /// closed.
    pub fn lock_life(&self, session: &str) -> Result<File> {
        let path = self.life_lock_path(session);
        let create = || -> io::Result<File> {
            if let Some(parent) = path.parent() {
                private_directory(parent)?;
            }
            let file = private_file(&path, false)?;
            fs2::FileExt::try_lock_exclusive(&file)?;
            Ok(file)
        };
        create().map_err(|error| Error::store(format!("cannot lock {}: {error}", path.display())))
    }

    /// Whether the server of a session is known to be gone, because its lock can be taken. False if
    /// there is no such file, or no locks on this file system.
    pub fn is_life_lock_free(&self, session: &str) -> bool {
        let file = File::open(self.life_lock_path(session));
        file.is_ok_and(|file| fs2::FileExt::try_lock_exclusive(&file).is_ok())
    }

    /// The path of store.json.
    pub fn path(&self) -> PathBuf {
        self.directory.join("store.json")
    }

    /// Whether no process holds the lock right now.
    pub fn lock_is_free(&self) -> Result<bool> {
        let file = private_file(&self.directory.join("store.lock"), false).map_err(|error| {
            Error::store(format!("cannot lock {}: {error}", self.directory.display()))
        })?;
        Ok(fs2::FileExt::try_lock_exclusive(&file).is_ok())
    }

    /// Renames a store that cannot be read, so that a new one can take its place. If only some
    /// records cannot be read, the others stay. `None` if another process has repaired it already.
    pub fn set_aside(&self) -> Result<Option<PathBuf>> {
        let _lock = self.lock()?;
        let read = self.read_now();
        let broken = match &read {
            Ok(document) => Some(document.broken()),
            Err(_) => None,
        };
        let is_whole = |document: &Document| !document.has_strange_layout();
        if broken.as_ref().is_some_and(Vec::is_empty) && read.as_ref().is_ok_and(is_whole) {
            return Ok(None);
        }
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
        let aside = self.directory.join(format!("store.json.damaged-{now}"));
        // A copy, because the new store replaces the old one in one step, so that there is one at
        // every moment.
        let failed =
            |error| Error::store(format!("cannot set {} aside: {error}", self.path().display()));
        match (read, broken) {
            (Ok(mut document), Some(broken)) => {
                let mut damaged = File::open(self.path()).map_err(failed)?;
                let mut copy = private_file(&aside, true).map_err(failed)?;
                io::copy(&mut damaged, &mut copy).map_err(failed)?;
                copy.sync_all().map_err(failed)?;
                for id in &broken {
                    document.remove(id);
                }
                if document.has_strange_layout() {
                    document.forget_layout();
                }
                document.finish()?;
                self.save(&document)?;
            }
            _ => fs::rename(self.path(), &aside).map_err(failed)?,
        }
        Ok(Some(aside))
    }

    /// The unfinished file of a writer that was killed, if there is one. It does no harm.
    pub fn unfinished(&self) -> Option<PathBuf> {
        Some(self.real_and_new().1).filter(|path| path.exists())
    }

    /// Removes the unfinished file. The lock makes sure that no process is writing it.
    pub fn remove_unfinished(&self) -> Result<()> {
        let _lock = self.lock()?;
        match fs::remove_file(self.real_and_new().1) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::store(format!("cannot remove it: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// The directory that keeps what is left of a stopped session's own data.
    pub fn kept_path(&self, session: &str) -> PathBuf {
        self.directory.join("kept").join(session)
    }

    fn create_directory(&self) -> Result<()> {
        safety::tighten(&self.directory);
        private_directory(&self.directory).map_err(|error| {
            let directory = self.directory.display();
            Error::store(format!("cannot create the data directory {directory}: {error}"))
                .hint("OCCTL_DATA_DIR names another one")
        })
    }

    fn lock(&self) -> Result<File> {
        let path = self.directory.join("store.lock");
        lock::take(&path, &self.path(), self.patience.get(), self.say, &*self.signal)
    }

    /// The real path of the store, and the path of the file that replaces it. A store.json that is
    /// a link stays a link; its target is replaced.
    fn real_and_new(&self) -> (PathBuf, PathBuf) {
        let path = fs::canonicalize(self.path()).unwrap_or_else(|_| self.path());
        // One name is enough because the lock is held. A file that a killed process left is
        // overwritten.
        let new = path.with_file_name(".store.json.new");
        (path, new)
    }

    fn save(&self, document: &Document) -> Result<()> {
        let (path, temporary) = self.real_and_new();
        let directory = path.parent().unwrap_or(&self.directory);
        // Another directory, if the store is a link.
        safety::check(directory)?;
        let write = || -> io::Result<()> {
            let mut file = BufWriter::with_capacity(64 * 1024, private_file(&temporary, true)?);
            document.write(&mut file)?;
            file.flush()?;
            file.get_ref().sync_all()?;
            // Everything that can fail happens before the new file replaces the old one.
            let directory = File::open(directory)?;
            fs::rename(&temporary, &path)?;
            let _ = directory.sync_all();
            Ok(())
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&temporary);
            Error::store(format!("cannot write {}: {error}", path.display()))
        })
    }
}
