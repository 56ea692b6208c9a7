//! Lets processes take their turns: those that wait for a conversation, and those that restart a
//! session.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::Store;
use super::safety::{private_directory, private_file};
use crate::error::{Error, Result};

/// The lock of one conversation or session. It is held until this is dropped or the process ends.
#[derive(Debug)]
pub struct QueueLock {
    path: PathBuf,
    _file: File,
}

impl Store {
    /// Takes the lock of a conversation or a session; `None` while another process holds it.
    pub fn try_queue_lock(&self, id: &str) -> Result<Option<QueueLock>> {
        self.create_directory()?;
        let directory = self.directory().join("queue");
        let path = directory.join(format!("{id}.lock"));
        let take = || -> io::Result<Option<File>> {
            private_directory(&directory)?;
            let file = private_file(&path, false)?;
            match fs2::FileExt::try_lock_exclusive(&file) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            // The holder before may have removed the file after it was opened here. A lock on a
            // file without a name keeps no other process out.
            let named = fs::metadata(&path).is_ok_and(|named| {
                file.metadata()
                    .is_ok_and(|own| (own.dev(), own.ino()) == (named.dev(), named.ino()))
            });
            Ok(named.then_some(file))
        };
        match take() {
            Ok(file) => Ok(file.map(|file| QueueLock { path, _file: file })),
            Err(error) => Err(Error::store(format!("cannot lock {}: {error}", path.display()))),
        }
    }
}

impl Drop for QueueLock {
    /// Removes the file while the lock on it is still held, so that none is left for
    /// everything that ever was.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
