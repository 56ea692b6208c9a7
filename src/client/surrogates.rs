//! Halves of characters in JSON, which serde_json refuses.
//!
//! JavaScript counts a character outside the basic plane as two halves, and writes `\ud83d` for
//! half of one: whenever a text was cut inside an emoji. A server stores such a text, and shows it
//! for ever. Here each half without its other one becomes U+FFFD, and everything else stays.

use std::borrow::Cow;
use std::io::{self, Read};

/// How long an escape such as `\ud83d` is.
const ESCAPE: usize = 6;
/// What takes the place of half a character: the escape of U+FFFD, which is as long.
const REPLACEMENT: &[u8; ESCAPE] = b"\\ufffd";

/// One half of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    High(u16),
    Low(u16),
}

/// The half whose escape stands at the beginning of `bytes`.
fn half(bytes: &[u8]) -> Option<Half> {
    let digits = bytes.get(..ESCAPE)?.strip_prefix(b"\\u")?;
    let unit = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    match unit {
        0xd800..=0xdbff => Some(Half::High(unit)),
        0xdc00..=0xdfff => Some(Half::Low(unit)),
        _ => None,
    }
}

/// Replaces halves in a piece of JSON that begins outside of an escape, and returns how much of it
/// is done: the rest is an escape whose end is missing. With `last` nothing is missing.
fn mend_some(bytes: &mut [u8], last: bool) -> usize {
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\\') {
        at += found;
        let left = bytes.len() - at;
        // An escape, and the one behind it that may be its other half.
        if !last && left < 2 * ESCAPE && bytes.get(at + 1).is_none_or(|byte| *byte == b'u') {
            return at;
        }
        match half(&bytes[at..]) {
            Some(Half::High(_)) if matches!(half(&bytes[at + ESCAPE..]), Some(Half::Low(_))) => {
                at += 2 * ESCAPE;
            }
            Some(_) => {
                bytes[at..at + ESCAPE].copy_from_slice(REPLACEMENT);
                at += ESCAPE;
            }
            // The second character may be a backslash, which begins no other escape.
            None => at = (at + 2).min(bytes.len()),
        }
    }
    bytes.len()
}

/// JSON without halves of characters.
pub fn mend(json: &[u8]) -> Cow<'_, [u8]> {
    if !json.windows(3).any(|three| matches!(three, b"\\ud" | b"\\uD")) {
        return Cow::Borrowed(json);
    }
    let mut mended = json.to_vec();
    mend_some(&mut mended, true);
    Cow::Owned(mended)
}

/// Reads JSON without halves of characters.
pub struct Mended<R> {
    inner: R,
    buffer: Vec<u8>,
    /// The part of the buffer that can be handed over.
    ready: std::ops::Range<usize>,
    ended: bool,
}

impl<R: Read> Mended<R> {
    /// Reads from `inner`, up to `size` bytes at once.
    pub fn new(inner: R, size: usize) -> Mended<R> {
        let buffer = Vec::with_capacity(size.max(4 * ESCAPE));
        Mended { inner, buffer, ready: 0..0, ended: false }
    }

    /// Reads more, behind what could not be handed over.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.ready.end);
        self.ready = 0..0;
        let kept = self.buffer.len();
        self.buffer.resize(self.buffer.capacity(), 0);
        let read = self.inner.read(&mut self.buffer[kept..]);
        let count = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(kept + count);
        read?;
        self.ended = count == 0;
        self.ready.end = mend_some(&mut self.buffer, self.ended);
        Ok(())
    }
}

impl<R: Read> Read for Mended<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended {
            self.fill()?;
        }
        let count = into.len().min(self.ready.len());
        let from = self.ready.start;
        into[..count].copy_from_slice(&self.buffer[from..from + count]);
        self.ready.start += count;
        Ok(count)
    }
}

/// Text that may begin with the second half of a character, and end with the first half of another:
/// what one event adds to a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    low: Option<u16>,
    text: String,
    high: Option<u16>,
}

impl Piece {
    /// Reads the JSON of a string; `None` if it is none.
    pub fn read(json: &str) -> Option<Piece> {
        let mut inner = json.trim().strip_prefix('"')?.strip_suffix('"')?;
        let mut piece = Piece::default();
        if let Some(Half::Low(unit)) = half(inner.as_bytes()) {
            piece.low = Some(unit);
            inner = &inner[ESCAPE..];
        }
        // Whether an escape stands at the end is known only from the front: `\\ud83d` is none.
        let cut = inner.len().checked_sub(ESCAPE).filter(|cut| {
            let backslashes = inner.bytes().take(*cut).rev().take_while(|byte| *byte == b'\\');
            backslashes.count() % 2 == 0
        });
        if let Some(cut) = cut
            && let Some(Half::High(unit)) = half(&inner.as_bytes()[cut..])
        {
            piece.high = Some(unit);
            inner = &inner[..cut];
        }
        piece.text = serde_json::from_slice(&mend(format!("\"{inner}\"").as_bytes())).ok()?;
        Some(piece)
    }

    /// Adds the piece to a text whose end may lack the second half of a character.
    pub fn add_to(&self, text: &mut String, missing: &mut Option<u16>) {
        if self.low.is_none() && self.text.is_empty() && self.high.is_none() {
            return;
        }
        match (missing.take(), self.low) {
            (None, None) => {}
            (high, low) => {
                let units = high.into_iter().chain(low);
                let joined = char::decode_utf16(units);
                text.extend(joined.map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
        }
        text.push_str(&self.text);
        *missing = self.high;
    }
}

impl From<&str> for Piece {
    fn from(text: &str) -> Piece {
        Piece { text: text.into(), ..Piece::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Slow;

    /// What is written, and what it reads as.
    const TEXTS: [(&str, &str); 10] = [
        (r#""\ud83d\ude00 ok""#, "😀 ok"),
        (r#""a\ud83d""#, "a\u{fffd}"),
        (r#""\ude00b""#, "\u{fffd}b"),
        (r#""\uD83D\uD83D\uDE00""#, "\u{fffd}😀"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\\ud83d""#, r"\ud83d"),
        (r#""\\\ud83d""#, "\\\u{fffd}"),
        (r#""\ud83d\n\u00e9""#, "\u{fffd}\né"),
        (r#""\ud83d\\ude00""#, "\u{fffd}\\ude00"),
        (r#""é😀\"\/""#, "é😀\"/"),
    ];

    #[test]
    fn half_a_character_is_replaced_and_everything_else_stays() {
        for (json, text) in TEXTS {
            assert_eq!(serde_json::from_slice::<String>(&mend(json.as_bytes())).unwrap(), text);
        }
        let broken = br#"{"a":"\ud83"#;
        assert_eq!(*mend(broken), broken[..], "what is no JSON stays what it is");
    }

    #[test]
    fn a_reader_gives_the_same_in_pieces_of_any_size() {
        let all: String = TEXTS.map(|(json, _)| json).join(",");
        for json in [all.as_str(), r"\", r"\ud83d", r"\ud83d\", r"\ud83d\u", ""] {
            let wanted = mend(json.as_bytes());
            for size in 1..20 {
                let mut found = Vec::new();
                Mended::new(Slow(json.as_bytes(), size), 0).read_to_end(&mut found).unwrap();
                assert_eq!(found, *wanted, "{json} by {size}");
            }
        }
    }

    #[test]
    fn halves_at_the_ends_of_two_pieces_are_joined() {
        for (pieces, text) in [
            (&[r#""a\ud83d""#, r#""\ude00b""#][..], "a😀b"),
            (&[r#""a\ud83d""#, r#""""#, r#""\ude00""#], "a😀"),
            (&[r#""a\ud83d""#, r#""b""#], "a\u{fffd}b"),
            (&[r#""\ude00""#, r#""b\\ud83d""#], "\u{fffd}b\\ud83d"),
            (&[r#""a\ud83d""#, r#""\ud83d""#, r#""\ude00""#], "a\u{fffd}😀"),
        ] {
            let (mut found, mut missing) = (String::new(), None);
            for piece in pieces {
                Piece::read(piece).unwrap().add_to(&mut found, &mut missing);
            }
            assert_eq!((found.as_str(), missing), (text, None), "{pieces:?}");
        }
        assert_eq!(Piece::read("7"), None);
    }
}
