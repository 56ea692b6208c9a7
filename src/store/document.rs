//! store.json in memory: its text, and where each record stands in it.
//!
//! Records are decoded when somebody asks for them, and those that nobody changed are written back
//! byte for byte. So a store of ten thousand records costs little, and keys that we do not know
//! survive at every level.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::migrate;
use super::record::Record;
use crate::error::{Error, Result};

/// The layout that this program writes. A store without the key is of opencode-ctl 0.4.0, or was
/// rewritten by it.
pub const SCHEMA: u64 = 1;

/// A value of the file: as it was, or as it is to be.
#[derive(Clone, Debug)]
enum Body {
    Kept(Range<usize>),
    New(String),
}

/// The whole store. See the module's documentation.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    text: String,
    top: Vec<(String, Body)>,
    sessions: Vec<(String, Body)>,
    changed: bool,
}

impl Document {
    /// A store without records.
    pub fn empty(path: &Path) -> Document {
        Document {
            path: path.into(),
            text: String::new(),
            top: Vec::new(),
            sessions: Vec::new(),
            changed: false,
        }
    }

    /// Reads a store. One that does not parse is an error that names the file and the position.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Document> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            damaged(path, &format!("byte {at} is not UTF-8"))
        })?;
        if text.trim().is_empty() {
            return Err(damaged(path, "it is empty"));
        }
        let top = entries(&text).map_err(|error| damaged(path, &error.to_string()))?;
        let mut document = Document { top, ..Document::empty(path) };
        let found = document.top.iter().position(|(key, _)| key == "sessions");
        if let Some((_, Body::Kept(range))) = found.map(|at| document.top.remove(at)) {
            let inner = &text[range.clone()];
            document.sessions = entries(inner)
                .map_err(|error| damaged(path, &format!("in \"sessions\": {error}")))?
                .into_iter()
                .map(|(id, body)| (id, shift(body, range.start)))
                .collect();
        }
        document.text = text;
        Ok(document)
    }

    /// The ids of all records, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().map(|(id, _)| id.as_str())
    }

    /// One record.
    pub fn record(&self, id: &str) -> Result<Option<Record>> {
        self.decode(id)
    }

    /// All records.
    pub fn records(&self) -> Result<Vec<Record>> {
        self.each(|_, record: Record| record)
    }

    /// A few fields of every record, without the cost of all of them.
    pub fn each<T: DeserializeOwned, R>(&self, take: impl Fn(&str, T) -> R) -> Result<Vec<R>> {
        self.sessions.iter().map(|(id, body)| Ok(take(id, self.decode_body(id, body)?))).collect()
    }

    /// Adds the record, or replaces the one with its id.
    pub fn put(&mut self, record: &Record) -> Result<()> {
        let json = serde_json::to_string_pretty(record)
            .map_err(|error| Error::store(format!("cannot encode {}: {error}", record.id)))?;
        let body = Body::New(json);
        match self.sessions.iter_mut().find(|(id, _)| *id == record.id) {
            Some(entry) => entry.1 = body,
            None => self.sessions.push((record.id.clone(), body)),
        }
        self.changed = true;
        Ok(())
    }

    /// Changes one record in place; `None` if there is none with that id.
    pub fn change(&mut self, id: &str, change: impl FnOnce(&mut Record)) -> Result<Option<Record>> {
        let Some(mut record) = self.record(id)? else { return Ok(None) };
        change(&mut record);
        self.put(&record)?;
        Ok(Some(record))
    }

    /// Removes a record; false if there was none.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.sessions.len();
        self.sessions.retain(|(other, _)| other != id);
        self.changed |= self.sessions.len() != before;
        self.sessions.len() != before
    }

    /// The key that opencode-ctl 0.4.0 keeps beside the records.
    pub fn set_next_port(&mut self, port: u16) {
        self.set_top("next_port", port.to_string());
    }

    /// Whether there is something to save.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// The whole store as text, brought forward if it was of an older layout.
    pub fn into_json(mut self) -> Result<String> {
        match self.schema()? {
            None => self.bring_forward()?,
            Some(SCHEMA) => {}
            Some(newer) => {
                let path = self.path.display();
                let message = format!("{path} has layout {newer}, this occtl knows {SCHEMA}");
                return Err(Error::store(message).hint("a newer occtl wrote it: use that one"));
            }
        }
        let mut json = String::with_capacity(self.text.len() + 4096);
        json.push_str("{\n  \"sessions\": {");
        self.append(&mut json, &self.sessions, "\n    ");
        json.push_str(if self.sessions.is_empty() { "}" } else { "\n  }" });
        if !self.top.is_empty() {
            json.push(',');
        }
        self.append(&mut json, &self.top, "\n  ");
        json.push_str("\n}\n");
        Ok(json)
    }

    fn append(&self, json: &mut String, entries: &[(String, Body)], indent: &str) {
        for (index, (key, body)) in entries.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            json.push_str(indent);
            json.push_str(&serde_json::Value::from(key.as_str()).to_string());
            json.push_str(": ");
            match body {
                Body::Kept(_) => json.push_str(self.slice(body)),
                // JSON text has no raw newlines within strings, so this touches layout alone.
                Body::New(text) => json.push_str(&text.replace('\n', indent)),
            }
        }
    }

    fn schema(&self) -> Result<Option<u64>> {
        let Some((_, body)) = self.top.iter().find(|(key, _)| key == "schema") else {
            return Ok(None);
        };
        serde_json::from_str(self.slice(body))
            .map(Some)
            .map_err(|error| damaged(&self.path, &format!("in \"schema\": {error}")))
    }

    fn bring_forward(&mut self) -> Result<()> {
        for id in self.ids().map(String::from).collect::<Vec<_>>() {
            self.change(&id, migrate::bring_forward)?;
        }
        self.set_top("schema", SCHEMA.to_string());
        Ok(())
    }

    fn set_top(&mut self, key: &str, value: String) {
        self.top.retain(|(other, _)| other != key);
        self.top.push((key.into(), Body::New(value)));
        self.changed = true;
    }

    fn decode<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>> {
        let found = self.sessions.iter().find(|(other, _)| other == id);
        found.map(|(id, body)| self.decode_body(id, body)).transpose()
    }

    fn decode_body<T: DeserializeOwned>(&self, id: &str, body: &Body) -> Result<T> {
        serde_json::from_str(self.slice(body))
            .map_err(|error| damaged(&self.path, &format!("in session {id}: {error}")))
    }

    fn slice<'a>(&'a self, body: &'a Body) -> &'a str {
        match body {
            Body::Kept(range) => &self.text[range.clone()],
            Body::New(text) => text,
        }
    }
}

fn damaged(path: &Path, what: &str) -> Error {
    let path = path.display();
    Error::store(format!("{path} is damaged: {what}"))
        .hint("it was left as it is; mend it or move it away")
}

fn shift(body: Body, by: usize) -> Body {
    match body {
        Body::Kept(range) => Body::Kept(range.start + by..range.end + by),
        new => new,
    }
}

/// Where the values of a JSON object stand in its text. Of a key that is there twice the last counts.
fn entries(text: &str) -> serde_json::Result<Vec<(String, Body)>> {
    let mut input = serde_json::Deserializer::from_str(text);
    let found = Entries::deserialize(&mut input)?;
    input.end()?;
    let mut entries: Vec<(String, Body)> = Vec::with_capacity(found.0.len());
    for (key, raw) in found.0 {
        // `raw` borrows from `text`, so its address tells its place.
        let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
        entries.push((key, Body::Kept(start..start + raw.get().len())));
    }
    let mut seen = std::collections::HashSet::new();
    let mut unique: Vec<_> =
        entries.into_iter().rev().filter(|(key, _)| seen.insert(key.clone())).collect();
    unique.reverse();
    Ok(unique)
}

struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> std::result::Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        input.deserialize_map(Keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = include_str!("../../tests/data/store-0.4.0.json");

    fn parse(text: &str) -> Result<Document> {
        Document::parse(Path::new("/x/store.json"), text.as_bytes().to_vec())
    }

    #[test]
    fn a_store_of_0_4_0_is_read_and_brought_forward_on_the_first_write() {
        let mut document = parse(OLD).unwrap();
        assert_eq!(document.ids().collect::<Vec<_>>(), ["oc-195c5185", "oc-7be01c44"]);
        let agent = document.record("oc-7be01c44").unwrap().unwrap().agent;
        assert_eq!(agent.as_deref(), Some("docs-retriever"));
        document.set_next_port(9102);
        let again = parse(&document.into_json().unwrap()).unwrap();
        assert_eq!(again.schema().unwrap(), Some(SCHEMA));
        let record = again.record("oc-195c5185").unwrap().unwrap();
        assert_eq!(record.workdir.as_deref(), Some("/srv/project"));
        assert_eq!(record.created_at, "2026-11-22T10:29:26.279340");
    }

    #[test]
    fn unknown_keys_survive_at_every_level_and_untouched_records_byte_for_byte() {
        let text = r#"{"schema":1,"new":{"a":[1, 2]},"sessions":{
            "oc-1": {"id":"oc-1","port":9100,  "x":{"y":1}},
            "oc-2": {"id":"oc-2","port":9101,"z":[null]}}}"#;
        let mut document = parse(text).unwrap();
        document.change("oc-2", |record| record.agent = Some("build".into())).unwrap();
        let json = document.into_json().unwrap();
        assert!(json.contains(r#"{"id":"oc-1","port":9100,  "x":{"y":1}}"#), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["new"]["a"][1], 2);
        assert_eq!(value["sessions"]["oc-2"]["z"], serde_json::json!([null]));
        assert_eq!(value["sessions"]["oc-2"]["agent"], "build");
    }

    #[test]
    fn a_damaged_store_is_an_error_that_names_file_and_position() {
        let torn = &OLD[..200];
        let error = parse(torn).unwrap_err();
        assert_eq!(error.code.exit(), 9);
        assert!(error.message.contains("/x/store.json"), "{error}");
        assert!(error.message.contains("line "), "{error}");
        assert!(parse("").unwrap_err().message.contains("empty"));
        assert!(parse("[]").is_err());
        assert!(parse("{} {}").is_err());
        assert!(parse(r#"{"sessions":[]}"#).is_err());
    }

    #[test]
    fn a_store_of_a_newer_program_is_not_overwritten() {
        let mut document = parse(r#"{"schema":99,"sessions":{}}"#).unwrap();
        document.set_next_port(1);
        assert!(document.into_json().unwrap_err().message.contains("layout 99"));
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_counts() {
        let text = r#"{"sessions":{"a":{"id":"a","port":1},"a":{"id":"a","port":2}}}"#;
        let document = parse(text).unwrap();
        assert_eq!(document.ids().count(), 1);
        assert_eq!(document.record("a").unwrap().unwrap().port, 2);
    }
}
