//! Looks for texts in a text while it grows.

use super::options::Until;
use crate::runner::prompt::watcher::Watcher;

/// Looks for texts in a text while it grows. It keeps only the end of the text, which may be the
/// beginning of a match.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    wanted: Vec<String>,
    tail: String,
    found: bool,
}

impl Search {
    /// Looks for the texts that are waited for.
    pub(super) fn new(until: &[Until]) -> Search {
        let text = |until: &Until| match until {
            Until::Text(wanted) => Some(wanted.clone()),
            _ => None,
        };
        Search { wanted: until.iter().filter_map(text).collect(), ..Search::default() }
    }

    /// Whether one of the texts has been found.
    pub(super) fn has_found(&self) -> bool {
        self.found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_however_it_is_cut_into_pieces() {
        let text = "one grüße two";
        let all: Vec<char> = text.chars().collect();
        for size in 1..=all.len() {
            let until = [Until::Idle, Until::Text("grüße t".into())];
            let mut search = Search::new(&until);
            for piece in all.chunks(size) {
                assert!(!search.has_found(), "found before it was there, in pieces of {size}");
                search.text(&piece.iter().collect::<String>());
                if search.has_found() {
                    break;
                }
            }
            assert!(search.has_found(), "not found in pieces of {size}");
            assert!(search.tail.len() <= "grüße t".len());
        }
    }

    #[test]
    fn where_no_text_is_wanted_none_is_found() {
        let mut search = Search::new(&[Until::Idle]);
        search.text("anything");
        assert!(!search.has_found());
    }
}
