//! The files of an attempt, read with bounds, and links to them.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

use super::escape::inline;
use crate::bench::report::amounts::size;
use crate::bench::report::escape::address;
use crate::bench::results::row::Row;
use crate::bench::results::stored::Stored;
use crate::sorting;

/// The most files that are listed. OpenCode and the trial leave ten.
const MOST_LISTED: usize = 40;

/// The files of one attempt.
pub struct Artifacts<'a> {
    stored: Option<Stored>,
    /// The address of their directory from the page; ends in `/`.
    place: String,
    row: &'a Row,
}

/// The beginning or the end of a file.
pub struct Extract {
    /// What is there of it.
    pub text: String,
    /// How many bytes of it are missing.
    pub missing: u64,
}

impl<'a> Artifacts<'a> {
    /// The files that a row names. `to_batch` leads from the page to the directory of the batch,
    /// and ends in `/`.
    pub fn of(batch: &Path, to_batch: &str, row: &'a Row) -> Artifacts<'a> {
        let stored = Stored::of(batch, row);
        let place = row.artifacts.as_deref().unwrap_or_default().trim_end_matches('/');
        Artifacts { stored, place: address(&format!("{to_batch}{place}/")), row }
    }

    /// The result line, with what a recheck has changed of it; null if there is none.
    pub fn line(&self) -> Value {
        self.stored.as_ref().map_or(Value::Null, |stored| stored.line(self.row))
    }

    /// A document of JSON; null if it is not there, is none, or is too large.
    pub fn json(&self, name: &str) -> Value {
        self.stored.as_ref().map_or(Value::Null, |stored| stored.document(name))
    }

    /// The beginning of a text file; `None` if it is not there.
    pub fn beginning(&self, name: &str, most: u64) -> Option<Extract> {
        let (file, length) = self.open(name)?;
        extract(file, most, length.saturating_sub(most))
    }

    /// The end of a text file.
    pub fn end(&self, name: &str, most: u64) -> Option<Extract> {
        let (mut file, length) = self.open(name)?;
        let missing = length.saturating_sub(most);
        file.seek(SeekFrom::Start(missing)).ok()?;
        extract(file, most, missing)
    }

    /// A plain file and its length.
    pub fn open(&self, name: &str) -> Option<(File, u64)> {
        self.stored.as_ref()?.open(name)
    }

    /// A link to a file, as HTML.
    pub fn link(&self, name: &str) -> String {
        format!("<a href=\"{}{}\">{}</a>", self.place, address(name), inline(name))
    }

    /// A list of links to all files, as HTML.
    pub fn list(&self) -> String {
        let directory = self.stored.as_ref().map(|stored| stored.path(""));
        let entries = directory.and_then(|path| fs::read_dir(path).ok());
        let mut found: Vec<(String, u64)> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let data = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((entry.file_name().into_string().ok()?, data.len()))
            })
            .collect();
        sorting::sort(&mut found);
        if found.is_empty() {
            return "<p>Its files are not there.</p>\n".into();
        }
        let item = |(name, length): &(String, u64)| {
            format!("<li>{} <small>{}</small></li>\n", self.link(name), size(*length))
        };
        let items: String = found.iter().take(MOST_LISTED).map(item).collect();
        format!("<ul class=\"files\">\n{items}</ul>\n")
    }
}

fn extract(file: File, most: u64, missing: u64) -> Option<Extract> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(Extract { text: String::from_utf8_lossy(&bytes).into_owned(), missing })
}
