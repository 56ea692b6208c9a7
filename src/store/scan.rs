//! Finds the places of a store's values in its JSON text, which is read piece by piece.

use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::Range;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Deserializer;

/// The key whose value is searched as well.
const SESSIONS: &str = "sessions";
/// How much is read at once, in bytes. A longer value is in memory as a whole, once.
const PIECE: usize = 64 << 10;

/// The place of one value of an object in its text.
pub struct Place {
    /// The key of the value.
    pub key: Box<str>,
    /// The bytes of the value.
    pub range: Range<usize>,
}

/// The places of a store's values. If a key occurs twice, its last value counts.
#[derive(Default)]
pub struct Places {
    /// The values beside `sessions`.
    pub top: Vec<Place>,
    /// The values inside `sessions`.
    pub sessions: Vec<Place>,
}

/// Why a text is not a store.
pub struct Fault {
    /// The byte where it was found.
    pub at: usize,
    /// What is wrong there.
    pub what: What,
}

/// What is wrong with a text.
pub enum What {
    /// It cannot be read.
    Unread(io::Error),
    /// There is nothing in it.
    Empty,
    /// The byte is not UTF-8.
    NotUtf8,
    /// It is not JSON, or not a store.
    Syntax(String),
}

/// Finds the places of a store's values.
pub fn scan(text: impl Read) -> Result<Places, Fault> {
    let mut scanner = Scanner { text, piece: Vec::new(), at: 0, before: 0, is_over: false };
    let mut found = Places::default();
    if scanner.peek()?.is_none() {
        return Err(scanner.fault(What::Empty));
    }
    scanner.object("expected an object", |scanner, key| {
        if &*key == SESSIONS {
            found.sessions.clear();
            let what = "expected an object with the sessions";
            return scanner.object(what, |scanner, key| {
                let range = scanner.value()?;
                found.sessions.push(Place { key, range });
                Ok(())
            });
        }
        let range = scanner.value()?;
        found.top.push(Place { key, range });
        Ok(())
    })?;
    if scanner.peek()?.is_some() {
        return Err(scanner.syntax("trailing characters"));
    }
    keep_last(&mut found.top);
    keep_last(&mut found.sessions);
    Ok(found)
}

/// Drops all but the last value of each key.
fn keep_last(found: &mut Vec<Place>) {
    let mut last: HashMap<&str, usize> = HashMap::with_capacity(found.len());
    for (index, place) in found.iter().enumerate() {
        last.insert(&place.key, index);
    }
    if last.len() == found.len() {
        return;
    }
    let keep: Vec<bool> =
        found.iter().enumerate().map(|(index, place)| last[&*place.key] == index).collect();
    let mut keep = keep.into_iter();
    found.retain(|_| keep.next().unwrap_or(true));
}

struct Scanner<R> {
    text: R,
    /// What has been read and is still needed.
    piece: Vec<u8>,
    /// The next byte in `piece`.
    at: usize,
    /// How many bytes stood before `piece`.
    before: usize,
    /// Whether everything was read.
    is_over: bool,
}

impl<R: Read> Scanner<R> {
    /// Calls `entry` with each key of an object. It has to read the key's value. `what` is the
    /// error for anything else.
    fn object(
        &mut self,
        what: &str,
        mut entry: impl FnMut(&mut Self, Box<str>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect(b'{', what)?;
        if self.peek()? == Some(b'}') {
            return self.expect(b'}', "");
        }
        loop {
            let key = self.key()?;
            self.expect(b':', "expected `:`")?;
            entry(self, key)?;
            if self.peek()? != Some(b',') {
                return self.expect(b'}', "expected `,` or `}`");
            }
            self.at += 1;
        }
    }

    fn key(&mut self) -> Result<Box<str>, Fault> {
        if self.peek()? != Some(b'"') {
            return Err(self.syntax("key must be a string"));
        }
        self.next::<Box<str>>().map(|(key, _)| key)
    }

    /// The place of the next value.
    fn value(&mut self) -> Result<Range<usize>, Fault> {
        self.peek()?;
        let (_, range) = self.next::<IgnoredAny>()?;
        Ok(range)
    }

    /// Reads the next value.
    fn next<T: DeserializeOwned>(&mut self) -> Result<(T, Range<usize>), Fault> {
        loop {
            let rest = &self.piece[self.at..];
            let mut values = Deserializer::from_slice(rest).into_iter::<T>();
            match values.next() {
                // A number that ends with the piece may go on in the next one.
                Some(Ok(value)) if self.is_over || values.byte_offset() < rest.len() => {
                    let length = values.byte_offset();
                    return self.take(length).map(|range| (value, range));
                }
                Some(Err(error)) if self.is_over || !error.is_eof() => {
                    let (at, what) = (place(rest, &error), plain(&error));
                    return Err(self.fault_after(at, what));
                }
                None if self.is_over => return Err(self.syntax("EOF while parsing a value")),
                _ => self.read_more()?,
            }
        }
    }

    /// Passes over a value, which must be UTF-8 like everything.
    fn take(&mut self, length: usize) -> Result<Range<usize>, Fault> {
        if let Err(error) = std::str::from_utf8(&self.piece[self.at..self.at + length]) {
            self.at += error.valid_up_to();
            return Err(self.fault(What::NotUtf8));
        }
        let start = self.before + self.at;
        self.at += length;
        Ok(start..start + length)
    }

    fn expect(&mut self, byte: u8, otherwise: &str) -> Result<(), Fault> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.syntax(otherwise)),
            None => Err(self.syntax("EOF while parsing an object")),
        }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            while let Some(byte) = self.piece.get(self.at) {
                if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                    return Ok(Some(*byte));
                }
                self.at += 1;
            }
            if self.is_over {
                return Ok(None);
            }
            self.read_more()?;
        }
    }

    /// Forgets what was passed over, and reads as much again as is left, so that the whole of a
    /// long value is looked at only a few times.
    fn read_more(&mut self) -> Result<(), Fault> {
        self.piece.drain(..self.at);
        self.before += std::mem::take(&mut self.at);
        let most = PIECE.max(self.piece.len()) as u64;
        match self.text.by_ref().take(most).read_to_end(&mut self.piece) {
            Ok(count) => self.is_over = count == 0,
            Err(error) => return Err(self.fault(What::Unread(error))),
        }
        Ok(())
    }

    /// The fault so many bytes further on, unless there is a byte before it that is not UTF-8.
    fn fault_after(&mut self, count: usize, what: String) -> Fault {
        let valid = std::str::from_utf8(&self.piece[self.at..]).err().filter(|error| {
            // A character that is cut where the piece ends is whole in the text.
            error.error_len().is_some()
        });
        let valid = valid.map_or(usize::MAX, |error| error.valid_up_to());
        self.at += count.min(valid);
        self.fault(if valid <= count { What::NotUtf8 } else { What::Syntax(what) })
    }

    fn syntax(&self, what: &str) -> Fault {
        self.fault(What::Syntax(what.into()))
    }

    fn fault(&self, what: What) -> Fault {
        Fault { at: self.before + self.at, what }
    }
}

/// Where in `text` an error was found.
fn place(text: &[u8], error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let above: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    (above + error.column().saturating_sub(1)).min(text.len())
}

/// What an error says, without the line and the column, which count from the value's beginning.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_string()
}
