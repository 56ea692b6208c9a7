//! Finds the places of an object's values in its JSON text.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The key whose value is searched as well.
const SESSIONS: &str = "sessions";

/// The places of an object's values in its text, by key.
pub type Places = Vec<(String, Range<usize>)>;

/// The places of a store's values: those beside `sessions`, and those inside it. If a key occurs
/// twice, its last value counts. One pass finds both, because it is half the cost of reading a
/// large store.
pub fn entries(text: &str) -> serde_json::Result<(Places, Places)> {
    let mut input = serde_json::Deserializer::from_str(text);
    let found = input.deserialize_map(Top)?;
    input.end()?;
    Ok((places(text, found.0), places(text, found.1)))
}

fn places(text: &str, found: Raw) -> Places {
    let last: HashMap<&str, usize> =
        found.iter().enumerate().map(|(at, (key, _))| (key.as_str(), at)).collect();
    let keep: Vec<bool> =
        found.iter().enumerate().map(|(at, (key, _))| last[key.as_str()] == at).collect();
    let entries = found.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|((key, raw), _)| {
        // `raw` borrows from `text`, so its address tells its place.
        let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
        (key, start..start + raw.get().len())
    });
    entries.collect()
}

type Raw<'a> = Vec<(String, &'a RawValue)>;

struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = (Raw<'de>, Raw<'de>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut top, mut sessions) = (Vec::new(), Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            if key == SESSIONS {
                sessions = map.next_value::<Inner>()?.0;
            } else {
                top.push((key, map.next_value()?));
            }
        }
        Ok((top, sessions))
    }
}

struct Inner<'a>(Raw<'a>);

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
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Inner(entries))
            }
        }
        input.deserialize_map(Entries)
    }
}
