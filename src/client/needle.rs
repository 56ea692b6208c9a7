//! Looks for a short text in many documents, most of which do not have it.

/// A text that is looked for. Its end is compared first: where the byte there does not occur in
/// the text at all, as many bytes as the text has are passed over at once. So most bytes of an
/// event of another conversation are never looked at.
pub struct Needle {
    text: Vec<u8>,
    /// How far the text can be moved on if a window of its length ends with this byte.
    steps: [u8; 256],
}

impl Needle {
    /// A text to look for, of which no more than the first 255 bytes count.
    pub fn new(text: &str) -> Needle {
        let text: Vec<u8> = text.bytes().take(usize::from(u8::MAX)).collect();
        let length = text.len() as u8;
        let mut steps = [length; 256];
        for (at, byte) in text.iter().enumerate().take(text.len().saturating_sub(1)) {
            steps[usize::from(*byte)] = length - 1 - at as u8;
        }
        Needle { text, steps }
    }

    /// Whether a document has the text.
    pub fn is_in(&self, document: &[u8]) -> bool {
        self.position_in(document).is_some()
    }

    /// Where a document has the text first.
    pub fn position_in(&self, document: &[u8]) -> Option<usize> {
        let Some(last) = self.text.len().checked_sub(1) else { return Some(0) };
        let mut end = last;
        while let Some(byte) = document.get(end) {
            if *byte == self.text[last] && document[end - last..end] == self.text[..last] {
                return Some(end - last);
            }
            end += usize::from(self.steps[usize::from(*byte)]);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_exactly_where_a_plain_search_finds_it() {
        let texts = ["", "a", "ab", "ba", "aba", "abab", "bbbb", "ses_1", "abcabcab"];
        let mut documents: Vec<String> = vec!["xxses_2ses_1".into(), "ses_ses_12".into()];
        // Every text of up to eight letters of an alphabet of three.
        for length in 0..=8u32 {
            for number in 0..3usize.pow(length) {
                let letter = |place: u32| ['a', 'b', 'c'][number / 3usize.pow(place) % 3];
                documents.push((0..length).map(letter).collect());
            }
        }
        for text in texts {
            let needle = Needle::new(text);
            for document in &documents {
                let found = needle.is_in(document.as_bytes());
                assert_eq!(found, document.contains(text), "{text:?} in {document:?}");
            }
        }
        let long = "ü".repeat(200);
        assert!(Needle::new(&long).is_in(long.as_bytes()));
    }
}
