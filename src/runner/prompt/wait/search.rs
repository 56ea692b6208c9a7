//! Looks for texts in a text while it grows.

use super::options::Until;
use crate::runner::prompt::watcher::Watcher;

/// Looks for texts in a text while it grows; of that only as much is kept as a match may need.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    wanted: Vec<String>,
    tail: String,
    pub(super) found: bool,
}

impl Search {
    pub(super) fn new(until: &[Until]) -> Search {
        let text = |until: &Until| match until {
            Until::Text(wanted) => Some(wanted.clone()),
            _ => None,
        };
        Search { wanted: until.iter().filter_map(text).collect(), ..Search::default() }
    }
}

impl Watcher for Search {
    fn text(&mut self, text: &str) {
        let Some(longest) = self.wanted.iter().map(String::len).max() else { return };
        self.tail.push_str(text);
        self.found |= self.wanted.iter().any(|wanted| self.tail.contains(wanted.as_str()));
        let keep = self.tail.len().saturating_sub(longest);
        let keep = (keep..=self.tail.len()).find(|at| self.tail.is_char_boundary(*at));
        self.tail.drain(..keep.unwrap_or(0));
    }
}
