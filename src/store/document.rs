//! store.json as it is read: its text, and the place of each record in it.
//!
//! Records are decoded when they are asked for, and unchanged records are written back byte for
//! byte. The text of a large store stays in its file. So a store of ten thousand records costs
//! little, and unknown keys survive at every level.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::record::Record;
use super::scan::{Fault, Place, What, scan};
use super::source::Source;
use crate::error::{Error, Result};

/// The layout that this program writes. A store without the key was written by opencode-ctl 0.4.0.
pub const SCHEMA: u64 = 1;
/// The longest id that is accepted; those of occtl have eleven characters. With `.log` it must be a
/// valid file name.
const LONGEST_ID: usize = 200;

/// A value of the file: unchanged, as a range of the text, or new.
enum Body {
    Kept(Range<usize>),
    New(String),
}

/// A key of the file with its value.
struct Entry {
    key: Box<str>,
    body: Body,
}

impl Entry {
    fn kept(place: Place) -> Entry {
        Entry { key: place.key, body: Body::Kept(place.range) }
    }

    fn new(key: &str, json: String) -> Entry {
        Entry { key: key.into(), body: Body::New(json) }
    }
}

/// The whole store. See the module's documentation.
pub struct Document {
    path: PathBuf,
    source: Source,
    top: Vec<Entry>,
    sessions: Vec<Entry>,
    changed: bool,
}

/// Without the text, which contains passwords.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.ids().collect();
        f.debug_struct("Document")
            .field("path", &self.path)
            .field("ids", &ids)
            .finish_non_exhaustive()
    }
}

impl Document {
    /// A store without records.
    pub fn empty(path: &Path) -> Document {
        Document {
            path: path.into(),
            source: Source::Memory(Vec::new()),
            top: Vec::new(),
            sessions: Vec::new(),
            changed: false,
        }
    }

    /// Reads a store. If it cannot be parsed, the error names the file and the position.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Document> {
        Document::over(path, Source::Memory(bytes))
    }

    /// Reads a store that is too large to be held in memory.
    pub fn open(path: &Path, file: File) -> Result<Document> {
        let source = Source::file(file).map_err(|error| unread(path, &error))?;
        Document::over(path, source)
    }

    fn over(path: &Path, source: Source) -> Result<Document> {
        let text = source.reader().map_err(|error| unread(path, &error))?;
        let found = scan(text).map_err(|fault| described(path, &source, fault))?;
        let kept = |places: Vec<Place>| places.into_iter().map(Entry::kept).collect();
        let (top, sessions) = (kept(found.top), kept(found.sessions));
        let document = Document { top, sessions, source, ..Document::empty(path) };
        if let Some(id) = document.ids().find(|id| !is_id(id)) {
            return Err(damaged(path, &format!("{id:?} cannot be the id of a session")));
        }
        Ok(document)
    }

    /// The ids of the records that cannot be read although the file as a whole can.
    pub fn broken(&self) -> Vec<String> {
        let broken = |entry: &&Entry| self.record_of(entry).is_err();
        self.sessions.iter().filter(broken).map(|entry| entry.key.to_string()).collect()
    }

    /// The ids of all records, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().map(|entry| &*entry.key)
    }

    /// The record with that id.
    pub fn record(&self, id: &str) -> Result<Option<Record>> {
        let found = self.sessions.iter().find(|entry| &*entry.key == id);
        found.map(|entry| self.record_of(entry)).transpose()
    }

    /// All records, decoded one after the other: all of them together may need much memory.
    pub fn records(&self) -> impl Iterator<Item = Result<Record>> {
        self.sessions.iter().map(|entry| self.record_of(entry))
    }

    /// The records that `keep` is true of.
    pub fn records_where(&self, keep: impl Fn(&Record) -> bool) -> Result<Vec<Record>> {
        self.records().filter(|record| record.as_ref().map_or(true, &keep)).collect()
    }

    /// The record at this place in the order of the file.
    pub fn record_at(&self, place: usize) -> Result<Option<Record>> {
        self.sessions.get(place).map(|entry| self.record_of(entry)).transpose()
    }

    /// Decodes a record. Its id is the key that it was found under, even if its `id` field differs.
    fn record_of(&self, entry: &Entry) -> Result<Record> {
        let mut record: Record = self.decode(entry, &place(entry))?;
        if *record.id != *entry.key {
            record.id = entry.key.to_string();
        }
        Ok(record)
    }

    /// Decodes every record as `T`, which names a few fields and so costs less than a [`Record`].
    pub fn each<T: DeserializeOwned, R>(&self, take: impl Fn(&str, T) -> R) -> Result<Vec<R>> {
        self.sessions
            .iter()
            .map(|entry| Ok(take(&entry.key, self.decode(entry, &place(entry))?)))
            .collect()
    }

    /// The same for what another record may not be in the way of: of one that cannot be decoded
    /// nothing but the id is known.
    pub fn each_known<T: DeserializeOwned + Default, R>(
        &self,
        take: impl Fn(&str, T) -> R,
    ) -> Result<Vec<R>> {
        let known = |entry: &Entry| match self.decode(entry, &place(entry)) {
            Err(_) if !self.source.has_changed() => Ok(T::default()),
            decoded => decoded,
        };
        self.sessions.iter().map(|entry| Ok(take(&entry.key, known(entry)?))).collect()
    }

    /// Adds the record, or replaces the one with the same id.
    pub fn put(&mut self, record: &Record) -> Result<()> {
        let json = serde_json::to_string_pretty(record)
            .map_err(|error| Error::store(format!("cannot encode {}: {error}", record.id)))?;
        let new = Entry::new(&record.id, json);
        match self.sessions.iter_mut().find(|entry| *entry.key == *record.id) {
            Some(entry) => *entry = new,
            None => self.sessions.push(new),
        }
        self.changed = true;
        Ok(())
    }

    /// Changes one record in place; `None` if there is no record with that id.
    pub fn change(&mut self, id: &str, change: impl FnOnce(&mut Record)) -> Result<Option<Record>> {
        let Some(mut record) = self.record(id)? else { return Ok(None) };
        change(&mut record);
        self.put(&record)?;
        Ok(Some(record))
    }

    /// Removes a record; false if there was none.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.sessions.len();
        self.sessions.retain(|entry| &*entry.key != id);
        self.changed |= self.sessions.len() != before;
        self.sessions.len() != before
    }

    /// Sets the key `next_port`, which opencode-ctl 0.4.0 reads.
    pub fn set_next_port(&mut self, port: u16) {
        self.set_top("next_port", port.to_string());
    }

    /// Whether there is anything to save.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Prepares the document for writing: one of an older layout is converted.
    pub fn finish(&mut self) -> Result<()> {
        if self.check_layout()?.is_none() { self.bring_forward() } else { Ok(()) }
    }

    /// Which layout it has, `None` for that of 0.4.0. One that this occtl cannot write is an error.
    pub fn check_layout(&self) -> Result<Option<u64>> {
        match self.schema()? {
            Some(newer) if newer != SCHEMA => {
                let path = self.path.display();
                let message = format!("{path} has layout {newer}, this occtl knows {SCHEMA}");
                Err(Error::store(message).hint("a newer occtl wrote it: use that one"))
            }
            known => Ok(known),
        }
    }

    /// Whether it says which layout it has, in a way that makes no sense.
    pub fn has_strange_layout(&self) -> bool {
        self.schema().is_err()
    }

    /// Takes it for one of the layout of 0.4.0, which every later one can be read as.
    pub fn forget_layout(&mut self) {
        self.top.retain(|entry| &*entry.key != "schema");
    }

    /// Writes the whole store piece by piece, so that a large one is not in memory twice.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(b"{\n  \"sessions\": {")?;
        self.write_entries(out, &self.sessions, "\n    ")?;
        out.write_all(if self.sessions.is_empty() { b"}" } else { b"\n  }" })?;
        if !self.top.is_empty() {
            out.write_all(b",")?;
        }
        self.write_entries(out, &self.top, "\n  ")?;
        out.write_all(b"\n}\n")
    }

    fn write_entries(
        &self,
        out: &mut impl Write,
        entries: &[Entry],
        indent: &str,
    ) -> io::Result<()> {
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            out.write_all(indent.as_bytes())?;
            serde_json::to_writer(&mut *out, &entry.key)?;
            out.write_all(b": ")?;
            match &entry.body {
                Body::Kept(range) => self.source.with(range, |text| out.write_all(text))??,
                // JSON strings contain no raw newlines, so this changes the layout alone.
                Body::New(text) => out.write_all(text.replace('\n', indent).as_bytes())?,
            }
        }
        Ok(())
    }

    fn schema(&self) -> Result<Option<u64>> {
        let Some(entry) = self.top.iter().find(|entry| &*entry.key == "schema") else {
            return Ok(None);
        };
        self.decode(entry, "in \"schema\"").map(Some)
    }

    fn bring_forward(&mut self) -> Result<()> {
        for id in self.ids().map(String::from).collect::<Vec<_>>() {
            self.change(&id, Record::bring_forward)?;
        }
        self.set_top("schema", SCHEMA.to_string());
        Ok(())
    }

    fn set_top(&mut self, key: &str, value: String) {
        self.top.retain(|entry| &*entry.key != key);
        self.top.push(Entry::new(key, value));
        self.changed = true;
    }

    fn decode<T: DeserializeOwned>(&self, entry: &Entry, place: &str) -> Result<T> {
        let decoded = match &entry.body {
            Body::Kept(range) => self.source.with(range, |text| serde_json::from_slice(text)),
            Body::New(text) => Ok(serde_json::from_str(text)),
        };
        match decoded {
            Ok(Ok(value)) => Ok(value),
            _ if self.source.has_changed() => {
                let path = self.path.display();
                let message = format!("{path} was written by opencode-ctl while it was read");
                Err(Error::store(message).hint("the same command reads it again"))
            }
            Ok(Err(error)) => Err(damaged(&self.path, &format!("{place}: {error}"))),
            Err(error) => Err(unread(&self.path, &error)),
        }
    }
}

/// Whether an id is a plain file name. Logs and directories are named after it, and cleaning up
/// removes them by that name.
pub fn is_id(id: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !id.is_empty() && id.len() <= LONGEST_ID && !id.starts_with('.') && id.chars().all(letter)
}

fn place(entry: &Entry) -> String {
    format!("in session {}", entry.key)
}

/// The error for a text that is not a store.
fn described(path: &Path, source: &Source, Fault { at, what }: Fault) -> Error {
    match what {
        What::Unread(error) => unread(path, &error),
        What::Empty => damaged(path, "it is empty"),
        What::NotUtf8 => damaged(path, &format!("byte {at} is not UTF-8")),
        What::Syntax(what) => {
            let mut before = Vec::new();
            if let Ok(text) = source.reader() {
                let _ = text.take(at as u64).read_to_end(&mut before);
            }
            let line = before.split(|byte| *byte == b'\n').count();
            let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
            damaged(path, &format!("{what} at line {line} column {column}"))
        }
    }
}

fn unread(path: &Path, error: &io::Error) -> Error {
    Error::store(format!("cannot read {}: {error}", path.display()))
}

fn damaged(path: &Path, what: &str) -> Error {
    let path = path.display();
    Error::store(format!("{path} is damaged: {what}"))
        .hint("it was left as it is; occtl doctor --fix sets it aside and rebuilds it")
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
