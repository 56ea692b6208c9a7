//! A catalogue of models as OpenCode reads it: an object with one entry for each provider.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The providers of a catalogue in their order, which decides between default models.
pub struct Entries<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object of providers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// What of a provider tells whether it can be used.
#[derive(Deserialize)]
pub struct Provider {
    /// Usually the key of its entry.
    #[serde(default)]
    pub id: String,
    /// The variables of which one must be set.
    pub env: Vec<String>,
}

/// The catalogue with those providers alone that are to be kept. One that cannot be read is kept.
/// `None` if it is no catalogue.
pub fn cut(text: &str, is_kept: &dyn Fn(&str, &Provider) -> bool) -> Option<String> {
    let entries: Entries = serde_json::from_str(text).ok()?;
    let kept = entries.0.iter().filter(|(key, entry)| {
        serde_json::from_str(entry.get()).map_or(true, |provider| is_kept(key, &provider))
    });
    let mut json = String::from("{");
    for (key, entry) in kept {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::Value::from(key.as_str()).to_string());
        json.push(':');
        json.push_str(entry.get());
    }
    json.push('}');
    Some(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_byte_for_byte_and_in_its_order() {
        let text = r#"{"z":{"id":"z","env":["Z"],"models":{"m":{"cost":1e6}}} ,
            "b": {"env":"no list"}, "a":{"id":"a","env":[]}, "c\"":{"id":"c","env":["C"]}}"#;
        let kept =
            cut(text, &|key, provider| provider.id == "z" || key == "c\"" && provider.env == ["C"]);
        let z = r#""z":{"id":"z","env":["Z"],"models":{"m":{"cost":1e6}}}"#;
        let rest = r#""b":{"env":"no list"},"c\"":{"id":"c","env":["C"]}"#;
        assert_eq!(kept, Some(format!("{{{z},{rest}}}")));
        assert_eq!(cut(text, &|_, _| false).as_deref(), Some(r#"{"b":{"env":"no list"}}"#));
        for text in ["", "[]", "{", "1", "null"] {
            assert_eq!(cut(text, &|_, _| true), None, "{text}");
        }
    }
}
