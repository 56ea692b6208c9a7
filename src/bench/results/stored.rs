//! The files that an attempt left in the directory of its batch.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::row::Row;

/// The most that is shown of a text file, in bytes: its end. A check may print anything.
const LONGEST_TEXT: usize = 1 << 20;

/// The files of one attempt.
pub struct Stored {
    directory: PathBuf,
}

impl Stored {
    /// The files of the attempt that a row is about. `None` if the row names no place within the
    /// directory of the batch.
    pub fn of(batch: &Path, row: &Row) -> Option<Stored> {
        let name = Path::new(&**row.artifacts.as_ref()?);
        let is_within = name.components().all(|part| matches!(part, Component::Normal(_)));
        is_within.then(|| Stored { directory: batch.join(name) })
    }

    /// Where a file is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A file of JSON; null if it is not there or is none.
    pub fn json(&self, name: &str) -> Value {
        let text = fs::read(self.path(name)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The end of a text file; `None` if it is not there.
    pub fn text(&self, name: &str) -> Option<String> {
        let bytes = fs::read(self.path(name)).ok()?;
        let from = bytes.len().saturating_sub(LONGEST_TEXT);
        Some(String::from_utf8_lossy(&bytes[from..]).into_owned())
    }
}
