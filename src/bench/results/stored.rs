//! The files that an attempt left in the directory of its batch.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::row::Row;

/// The most that is shown of a text file, in bytes: its end. A check may print anything.
const LONGEST_TEXT: usize = 1 << 20;

/// The largest document that is read as a whole, in bytes. A result line is far below it.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// The file with all messages of all conversations.
pub const TRANSCRIPT: &str = "transcript.json";

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

    /// A plain file and its length. Nothing else is opened: a pipe would be waited for.
    pub fn open(&self, name: &str) -> Option<(File, u64)> {
        let path = self.path(name);
        let data = fs::symlink_metadata(&path).ok()?;
        if data.is_file() { Some((File::open(path).ok()?, data.len())) } else { None }
    }

    /// A document of JSON; null if it is not there, is none, or is too large.
    pub fn document(&self, name: &str) -> Value {
        let read = || {
            let (file, length) = self.open(name)?;
            let reader = BufReader::new(file.take(LARGEST_DOCUMENT));
            if length > LARGEST_DOCUMENT { None } else { serde_json::from_reader(reader).ok() }
        };
        read().unwrap_or_default()
    }

    /// The result line, with what a recheck has changed of it, which `row` says; null if there is
    /// none.
    pub fn line(&self, row: &Row) -> Value {
        let mut line = self.document("result.json");
        if line.is_object() {
            line["result"] = row.result.name().into();
            line["score"] = row.score.into();
            line["stop"] = row.stop.name().into();
            line["error"] = match &row.error {
                Some(error) => json!({"name": error.name, "message": error.message}),
                None => Value::Null,
            };
        }
        line
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
