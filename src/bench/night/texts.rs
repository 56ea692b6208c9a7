//! Texts that many lines repeat, kept once: versions, hosts, names of errors.

use std::collections::HashMap;

use crate::units::beginning;

/// The longest text that is kept, in bytes. Such fields are names; what is longer comes from a
/// file that was not written by occtl.
const LONGEST: usize = 200;

/// The most texts that are kept. Lines that were tampered with could have one each.
const MOST: usize = 10_000;

/// The place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextId(u32);

/// All texts.
#[derive(Debug, Default)]
pub struct Texts {
    texts: Vec<String>,
    places: HashMap<String, u32>,
}

impl Texts {
    /// Keeps a text, cut if it is long. Beyond [`MOST`] different ones none is kept.
    pub fn keep(&mut self, text: Option<&str>) -> TextId {
        let Some(text) = text else { return TextId(u32::MAX) };
        let text = beginning(text, LONGEST);
        if let Some(place) = self.places.get(text) {
            return TextId(*place);
        }
        if self.texts.len() >= MOST {
            return TextId(u32::MAX);
        }
        let place = self.texts.len() as u32;
        self.texts.push(text.into());
        self.places.insert(text.into(), place);
        TextId(place)
    }

    /// The text; `None` if there was none.
    pub fn get(&self, id: TextId) -> Option<&str> {
        self.texts.get(id.0 as usize).map(String::as_str)
    }
}
