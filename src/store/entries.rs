//! Finds the places of an object's values in its JSON text.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The key whose value is searched as well.
const SESSIONS: &str = "sessions";

/// The place of one value of an object in its text.
pub struct Place {
    /// The key of the value.
    pub key: String,
    /// The bytes of the value.
    pub range: Range<usize>,
}

/// The places of a store's values. If a key occurs twice, its last value counts.
pub struct Places {
    /// The values beside `sessions`.
    pub top: Vec<Place>,
    /// The values inside `sessions`.
    pub sessions: Vec<Place>,
}

/// Finds the places of a store's values. One pass finds both kinds, because it is half the cost of
/// reading a large store.
pub fn entries(text: &str) -> serde_json::Result<Places> {
    let mut input = serde_json::Deserializer::from_str(text);
    let found = input.deserialize_map(Top)?;
    input.end()?;
    Ok(Places { top: places(text, found.top), sessions: places(text, found.sessions) })
}

fn places(text: &str, found: Vec<Raw>) -> Vec<Place> {
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (index, raw) in found.iter().enumerate() {
        last.insert(&raw.key, index);
    }
    let is_last = |(index, raw): (usize, &Raw)| last[raw.key.as_str()] == index;
    let keep: Vec<bool> = found.iter().enumerate().map(is_last).collect();
    let entries = found.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(raw, _)| {
        // `value` borrows from `text`, so its address tells its place.
        let start = raw.value.get().as_ptr() as usize - text.as_ptr() as usize;
        Place { key: raw.key, range: start..start + raw.value.get().len() }
    });
    entries.collect()
}

/// One value of an object as text.
struct Raw<'a> {
    key: String,
    value: &'a RawValue,
}

/// The values of a store as text.
struct Values<'a> {
    top: Vec<Raw<'a>>,
    sessions: Vec<Raw<'a>>,
}

struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = Values { top: Vec::new(), sessions: Vec::new() };
        while let Some(key) = map.next_key::<String>()? {
            if key == SESSIONS {
                values.sessions = map.next_value::<Inner>()?.0;
            } else {
                values.top.push(Raw { key, value: map.next_value()? });
            }
        }
        Ok(values)
    }
}

struct Inner<'a>(Vec<Raw<'a>>);

impl<'de> Deserialize<'de> for Inner<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Inner<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the sessions")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry()? {
                    entries.push(Raw { key, value });
                }
                Ok(Inner(entries))
            }
        }
        input.deserialize_map(Entries)
    }
}
