//! Reads JSON that people write: what is wrong is told with file, line and key.
//!
//! A value is a piece of the source's text, so its place in memory tells its line. Nothing is
//! deserialized into structs: the program would grow by every one of them.

use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};
use crate::runner::nearest::{instead, nearest};

/// How deep values may be nested. OpenCode's configuration needs six levels.
const DEEPEST: usize = 64;

/// A text, and where it comes from.
#[derive(Debug)]
pub struct Source {
    /// The file as errors name it.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where relative paths in it begin.
    pub base: PathBuf,
    /// Whether it is a plan that was read and written before. Files that it names may be gone: what
    /// came of its runs can still be read.
    pub resolved: bool,
}

/// A value within a source.
#[derive(Clone, Debug)]
pub struct Piece<'a> {
    /// Where it stands.
    pub source: &'a Source,
    /// Its place for errors, for example `arms[1].model`; empty for the whole.
    pub place: String,
    raw: &'a str,
}

/// An object within a source, with its keys in order.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    /// The object itself.
    pub piece: Piece<'a>,
    entries: Vec<(String, &'a str)>,
}

/// The entries of an object as they stand in the text.
struct Entries<'a>(Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push((key, value.get()));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Source {
    /// The value that the text is. A usage error with the line where the text is no JSON.
    pub fn whole(&self) -> Result<Piece<'_>> {
        let read = serde_json::from_str::<&RawValue>(&self.text);
        let raw = read.map_err(|error| {
            let text = error.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            let name = &self.name;
            let message = format!("{name}:{}: this is not JSON: {what}", error.line());
            let column = error.column();
            Error::usage(message)
                .hint(format!("column {column}; JSON has neither comments nor a comma at the end"))
        })?;
        Ok(Piece { source: self, place: String::new(), raw: raw.get() })
    }

    /// The line of a piece of the text, from 1.
    fn line_of(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Where a piece of the text begins.
    fn offset_of(&self, raw: &str) -> usize {
        (raw.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len())
    }
}

impl<'a> Piece<'a> {
    /// The error that this value is wrong: `plan.json:3: arms[1].model must be …`.
    pub fn wrong(&self, what: &str) -> Error {
        let line = self.source.line_of(self.source.offset_of(self.raw));
        let place = if self.place.is_empty() { "the whole" } else { &self.place };
        Error::usage(format!("{}:{line}: {place} {what}", self.source.name))
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.raw == "null"
    }

    /// Whether it is a string.
    pub fn is_text(&self) -> bool {
        self.raw.starts_with('"')
    }

    /// A string. Without NUL: no argument, variable, path or prompt may hold one.
    pub fn text(&self) -> Result<String> {
        if !self.is_text() {
            return Err(self.wrong("must be a string"));
        }
        let text: String =
            serde_json::from_str(self.raw).map_err(|error| self.unreadable(&error))?;
        if text.contains('\0') { Err(self.wrong("must not contain NUL")) } else { Ok(text) }
    }

    /// A string that is not empty.
    pub fn word(&self) -> Result<String> {
        let text = self.text()?;
        if text.is_empty() { Err(self.wrong("must not be empty")) } else { Ok(text) }
    }

    /// One of some words.
    pub fn choice(&self, words: &[&str]) -> Result<String> {
        let text = self.text()?;
        if words.contains(&text.as_str()) {
            return Ok(text);
        }
        let error = self.wrong(&format!("cannot be {text:?}"));
        Err(error.hint(instead(&text, words)))
    }

    /// A number for which `fits` holds. `wanted` says in words what fits.
    pub fn number(&self, fits: impl Fn(f64) -> bool, wanted: &str) -> Result<f64> {
        // The text itself is parsed, because serde_json may be off by the last bit: a number must
        // be the same after it was written and read again.
        let number = self.is_number().then(|| self.raw.parse::<f64>().ok()).flatten();
        let fitting = number.filter(|number| number.is_finite() && fits(*number));
        fitting.ok_or_else(|| self.wrong(&format!("must be {wanted}")))
    }

    /// A whole number within bounds.
    pub fn whole(&self, from: u64, to: u64) -> Result<u64> {
        let number = self.is_number().then(|| self.raw.parse::<u64>().ok()).flatten();
        number.filter(|number| (from..=to).contains(number)).ok_or_else(|| {
            let wanted = if to == u64::MAX {
                format!("must be a whole number, {from} or more")
            } else {
                format!("must be a whole number from {from} to {to}")
            };
            self.wrong(&wanted)
        })
    }

    fn is_number(&self) -> bool {
        self.raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
    }

    /// The values of a list.
    pub fn list(&self) -> Result<Vec<Piece<'a>>> {
        if !self.raw.starts_with('[') {
            return Err(self.wrong("must be a list"));
        }
        let values: Vec<&'a RawValue> =
            serde_json::from_str(self.raw).map_err(|error| self.unreadable(&error))?;
        let piece = |(at, value): (usize, &'a RawValue)| Piece {
            source: self.source,
            place: format!("{}[{at}]", self.place),
            raw: value.get(),
        };
        Ok(values.into_iter().enumerate().map(piece).collect())
    }

    /// A list of strings that are not empty.
    pub fn words(&self) -> Result<Vec<String>> {
        self.list()?.iter().map(Piece::word).collect()
    }

    /// A command: a list of a program and its arguments. `null` and an empty list are none.
    pub fn command(&self) -> Result<Vec<String>> {
        if self.is_null() {
            return Ok(Vec::new());
        }
        if self.is_text() {
            let error = self.wrong("must be a list of words");
            return Err(error.hint("no shell is involved: [\"sh\", \"-c\", \"…\"] asks for one"));
        }
        let words = self.list()?;
        words.first().map(Piece::word).transpose()?;
        words.iter().map(Piece::text).collect()
    }

    /// A path, which begins where the source's paths begin.
    pub fn path(&self) -> Result<PathBuf> {
        // `./x` is `x`.
        Ok(self.source.base.join(self.word()?).components().collect())
    }

    /// A path of a directory. What stands in a plan that was resolved before is not looked for.
    pub fn directory(&self) -> Result<PathBuf> {
        let path = self.path()?;
        if self.source.resolved || path.is_dir() {
            return Ok(path);
        }
        let what = if path.exists() { "is no directory" } else { "does not exist" };
        Err(self.wrong(&format!("{what}: {}", path.display())))
    }

    /// An object of which only these keys are known. A key that is not known is an error with the
    /// nearest one that is, and so is a key that stands there twice.
    pub fn object(&self, known: &[&str]) -> Result<Object<'a>> {
        let object = self.map()?;
        for (key, value) in &object.entries {
            if !known.contains(&key.as_str()) {
                return Err(object.unknown(key, value, known));
            }
        }
        Ok(object)
    }

    /// An object with any keys.
    pub fn map(&self) -> Result<Object<'a>> {
        if !self.raw.starts_with('{') {
            return Err(self.wrong("must be an object"));
        }
        let Entries(entries) =
            serde_json::from_str(self.raw).map_err(|error| self.unreadable(&error))?;
        let object = Object { piece: self.clone(), entries };
        let mut seen = std::collections::BTreeSet::new();
        for (key, value) in &object.entries {
            if !seen.insert(key.as_str()) {
                return Err(object.about_key(value, &format!("the key {key:?} stands twice")));
            }
        }
        Ok(object)
    }

    /// The value itself, of any form. A doubled key is an error at every depth.
    pub fn value(&self) -> Result<Value> {
        self.value_within(DEEPEST)
    }

    fn value_within(&self, depth: usize) -> Result<Value> {
        if depth == 0 {
            return Err(self.wrong("is nested too deep"));
        }
        match self.raw.as_bytes().first() {
            Some(b'{') => {
                let object = self.map()?;
                let entry = |(key, piece): (&str, Piece)| {
                    Ok((key.to_owned(), piece.value_within(depth - 1)?))
                };
                Ok(Value::Object(object.entries().map(entry).collect::<Result<Map<_, _>>>()?))
            }
            Some(b'[') => {
                let values = self.list()?;
                let values = values.iter().map(|piece| piece.value_within(depth - 1));
                Ok(Value::Array(values.collect::<Result<_>>()?))
            }
            Some(b'"') => {
                let text: serde_json::Result<String> = serde_json::from_str(self.raw);
                text.map(Value::String).map_err(|error| self.unreadable(&error))
            }
            _ => self.plain(),
        }
    }

    /// A number, `true`, `false` or `null`.
    fn plain(&self) -> Result<Value> {
        if self.is_number() && self.raw.contains(['.', 'e', 'E']) {
            let number = self.number(|_| true, "a number that a double can hold")?;
            return Ok(Number::from_f64(number).map_or(Value::Null, Value::Number));
        }
        serde_json::from_str(self.raw).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &serde_json::Error) -> Error {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        self.wrong(&format!("cannot be read: {what}"))
    }
}

impl<'a> Object<'a> {
    /// The value of a key; `None` if it is missing.
    pub fn get(&self, key: &str) -> Option<Piece<'a>> {
        self.entries().find(|(name, _)| *name == key).map(|(_, piece)| piece)
    }

    /// The value of a key; `None` if it is missing or `null`.
    pub fn some(&self, key: &str) -> Option<Piece<'a>> {
        self.get(key).filter(|piece| !piece.is_null())
    }

    /// The value of a key that must be there.
    pub fn required(&self, key: &str) -> Result<Piece<'a>> {
        self.get(key).ok_or_else(|| self.piece.wrong(&format!("needs the key {key:?}")))
    }

    /// All keys with their values.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Piece<'a>)> {
        self.entries.iter().map(|(key, raw)| (key.as_str(), self.inner(key, raw)))
    }

    fn inner(&self, key: &str, raw: &'a str) -> Piece<'a> {
        let outer = &self.piece.place;
        let place = if outer.is_empty() { key.to_owned() } else { format!("{outer}.{key}") };
        Piece { source: self.piece.source, place, raw }
    }

    fn unknown(&self, key: &str, value: &'a str, known: &[&str]) -> Error {
        let error = self.about_key(value, &format!("there is no key {key:?}"));
        error.hint(match nearest(key, known.iter().copied()) {
            Some(name) => format!("did you mean {name:?}?"),
            None => format!("the keys are {}", known.join(", ")),
        })
    }

    /// An error about a key, with its own line: the value may begin below it.
    pub fn about_key(&self, value: &'a str, what: &str) -> Error {
        let source = self.piece.source;
        let before = &source.text[..source.offset_of(value)];
        let line = source.line_of(before.rfind('"').unwrap_or(before.len()));
        let place = &self.piece.place;
        let within = if place.is_empty() { String::new() } else { format!(" in {place}") };
        Error::usage(format!("{}:{line}: {what}{within}", source.name))
    }
}
