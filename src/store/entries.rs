//! Where in a JSON text the values of an object are.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Where the values of a JSON object stand in its text. Of a key that is there twice the last counts.
pub fn entries(text: &str) -> serde_json::Result<Vec<(String, Range<usize>)>> {
    let mut input = serde_json::Deserializer::from_str(text);
    let found = Entries::deserialize(&mut input)?;
    input.end()?;
    let last: HashMap<&str, usize> =
        found.0.iter().enumerate().map(|(at, (key, _))| (key.as_str(), at)).collect();
    let keep: Vec<bool> =
        found.0.iter().enumerate().map(|(at, (key, _))| last[key.as_str()] == at).collect();
    let entries = found.0.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|((key, raw), _)| {
        // `raw` borrows from `text`, so its address tells its place.
        let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
        (key, start..start + raw.get().len())
    });
    Ok(entries.collect())
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
