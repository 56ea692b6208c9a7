//! Cuts a recorded document into its messages, and holds no more than one of them.
//!
//! A tool's result can be of any size, and what wrote the document is not trusted to keep any
//! bound. So long strings are cut while they are read, and a message that is large without long
//! strings is left out.

use std::io::{self, Read};

/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// How much of a string a page needs, in bytes of JSON.
pub const LONGEST_STRING: usize = 64 << 10;
/// How much of a string is kept once the message is long.
const SHORT_STRING: usize = 256;
/// From this size on a message is long, in bytes. Twenty tool calls at once stay below it with the
/// results that OpenCode gives its models, of which none has more than 50 KB.
const LONG_MESSAGE: usize = 1 << 20;
/// A message of more bytes is left out.
const LARGEST_MESSAGE: usize = LONG_MESSAGE + (256 << 10);

/// Stands before and behind the number of bytes that were cut off, at the end of a string. The code
/// point is no character, so no text should have it. A text that has it all the same is shown as if
/// it had been cut, which does no harm.
pub const CUT: char = '\u{ffff}';

/// What is open around the head of a conversation.
const AROUND_HEAD: &[u8] = b"{[{";
/// What is open around a message.
const AROUND_MESSAGE: &[u8] = b"{[{[";

/// A part of a recorded document.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The head of a conversation, or the beginning of one that is too large. Its messages follow.
    Conversation(&'a [u8]),
    /// One message.
    Message(&'a [u8]),
    /// A message that is too large.
    TooLarge,
}

/// What the next byte is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Structure, numbers and words.
    Plain,
    /// A string.
    Text,
    /// An escape, whose first character says how long it is.
    Escape,
    /// The rest of an escape, of so many digits.
    Digits(u8),
}

/// Reads a document of the form `{"conversations": [{"info": {…}, "messages": [{…}, …]}, …]}`.
pub struct Pieces<R> {
    input: R,
    /// How much of a string is kept, in bytes of JSON.
    longest: usize,
    /// How much of the input was read.
    read: u64,
    chunk: Vec<u8>,
    /// What of the chunk comes next.
    next: usize,
    state: State,
    /// How many brackets are open, and the outer ones of them.
    depth: usize,
    open: [u8; AROUND_MESSAGE.len()],
    /// What is read of the piece, and the depth outside of it.
    piece: Vec<u8>,
    outside: Option<usize>,
    /// How much of the string was kept, and how much was not.
    kept: usize,
    cut: u64,
    /// Whether the outermost bracket was closed.
    whole: bool,
}

impl<R: Read> Pieces<R> {
    /// Reads from `input`, and keeps `longest` bytes of each string.
    pub fn new(input: R, longest: usize) -> Pieces<R> {
        Pieces {
            input,
            longest,
            read: 0,
            chunk: Vec::new(),
            next: 0,
            state: State::Plain,
            depth: 0,
            open: [0; AROUND_MESSAGE.len()],
            piece: Vec::new(),
            outside: None,
            kept: 0,
            cut: 0,
            whole: false,
        }
    }

    /// The same for an input that begins behind the head of a conversation.
    pub fn within(input: R, longest: usize) -> Pieces<R> {
        let mut pieces = Pieces::new(input, longest);
        pieces.depth = AROUND_HEAD.len();
        pieces.open[..AROUND_HEAD.len()].copy_from_slice(AROUND_HEAD);
        pieces
    }

    /// How many bytes of the input lie before what comes next.
    pub fn position(&self) -> u64 {
        self.read - (self.chunk.len() - self.next) as u64
    }

    /// The next piece; `None` at the end of the input. A piece whose end is missing is none.
    pub fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        self.piece.clear();
        loop {
            while let Some(byte) = self.chunk.get(self.next).copied() {
                self.next += 1;
                let Some(outside) = self.take(byte) else { continue };
                return Ok(Some(match outside {
                    _ if outside == AROUND_HEAD.len() => Piece::Conversation(&self.piece),
                    _ if self.piece.len() > LARGEST_MESSAGE => Piece::TooLarge,
                    _ => Piece::Message(&self.piece),
                }));
            }
            self.chunk.resize(CHUNK, 0);
            self.next = 0;
            let count = self.input.read(&mut self.chunk);
            self.chunk.truncate(*count.as_ref().unwrap_or(&0));
            match count {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(0) => return Ok(None),
                Ok(count) => self.read += count as u64,
            }
        }
    }

    /// Whether the document was read to its end.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Takes one byte. Returns the depth outside of the piece that ends with it, if one does.
    fn take(&mut self, byte: u8) -> Option<usize> {
        match self.state {
            State::Plain => return self.take_structure(byte),
            State::Text => self.take_text(byte),
            State::Escape => {
                self.keep_text(byte);
                self.state = if byte == b'u' { State::Digits(4) } else { State::Text };
            }
            State::Digits(left) => {
                self.keep_text(byte);
                self.state = if left > 1 { State::Digits(left - 1) } else { State::Text };
            }
        }
        None
    }

    fn take_structure(&mut self, byte: u8) -> Option<usize> {
        match byte {
            b'"' => (self.state, self.kept, self.cut) = (State::Text, 0, 0),
            b'{' | b'[' => {
                let around = self.open.get(..self.depth).unwrap_or_default();
                let is_piece = around == AROUND_HEAD || around == AROUND_MESSAGE;
                if byte == b'{' && is_piece && self.outside.is_none() {
                    self.outside = Some(self.depth);
                }
                if let Some(open) = self.open.get_mut(self.depth) {
                    *open = byte;
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                self.keep(byte);
                self.depth = self.depth.saturating_sub(1);
                self.whole |= self.depth == 0;
                return self.outside.take_if(|outside| self.depth <= *outside);
            }
            _ => {}
        }
        self.keep(byte);
        None
    }

    fn take_text(&mut self, byte: u8) {
        if byte == b'"' {
            if self.cut > 0 {
                format!("{CUT}{}{CUT}", self.cut).bytes().for_each(|byte| self.keep(byte));
            }
            self.state = State::Plain;
            return self.keep(byte);
        }
        if byte == b'\\' {
            self.state = State::Escape;
        }
        let is_long = self.piece.len() >= LONG_MESSAGE;
        let most = if is_long { SHORT_STRING } else { self.longest };
        // A character is kept or cut as a whole.
        let begins_one = !(0x80..0xc0).contains(&byte);
        if self.cut == 0 && self.kept >= most && begins_one {
            self.cut = 1;
        } else {
            self.keep_text(byte);
        }
    }

    fn keep_text(&mut self, byte: u8) {
        if self.cut > 0 {
            self.cut += 1;
        } else {
            self.kept += 1;
            self.keep(byte);
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.outside.is_some() && self.piece.len() <= LARGEST_MESSAGE {
            self.piece.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Slow;

    /// The pieces of a text, and whether it is whole.
    fn pieces(text: &str, size: usize) -> (Vec<String>, bool) {
        let mut pieces = Pieces::new(Slow(text.as_bytes(), size), LONGEST_STRING);
        let mut found = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            found.push(match piece {
                Piece::Conversation(text) => format!("c{}", str::from_utf8(text).unwrap()),
                Piece::Message(text) => format!("m{}", str::from_utf8(text).unwrap()),
                Piece::TooLarge => "too large".into(),
            });
        }
        (found, pieces.is_whole())
    }

    const TWO: &str = "{\"conversations\":[\n{\"info\":{\"id\":\"}\\\"{\"},\"messages\":[\n\
        {\"a\":[{\"b\":\"]\\\\\"}]},\n{\"ü\":{}}\n]},\n{\"info\":{},\"messages\":[\n]}\n]}\n";

    #[test]
    fn heads_and_messages_are_found_however_the_input_comes() {
        let expected =
            ["c{\"id\":\"}\\\"{\"}", "m{\"a\":[{\"b\":\"]\\\\\"}]}", "m{\"ü\":{}}", "c{}"];
        for size in [1, 2, 3, 7, 1000] {
            let (found, whole) = pieces(TWO, size);
            assert_eq!((found.as_slice(), whole), (&expected.map(String::from)[..], true));
        }
    }

    #[test]
    fn a_conversation_is_read_again_from_behind_its_head() {
        for size in [1, 3, 1000] {
            let mut all = Pieces::new(Slow(TWO.as_bytes(), size), LONGEST_STRING);
            assert!(matches!(all.next().unwrap(), Some(Piece::Conversation(_))));
            let from = all.position() as usize;
            let mut again = Pieces::within(Slow(&TWO.as_bytes()[from..], size), LONGEST_STRING);
            for _ in 0..3 {
                let expected = format!("{:?}", all.next().unwrap());
                assert_eq!(format!("{:?}", again.next().unwrap()), expected);
                assert_eq!(all.position() as usize, from + again.position() as usize);
            }
        }
    }

    #[test]
    fn whatever_is_missing_at_the_end_what_stands_before_it_is_found() {
        for (at, _) in TWO.char_indices() {
            let (found, whole) = pieces(&TWO[..at], 10);
            assert!(!whole || at >= TWO.trim_end().len(), "{at}");
            assert!(found.len() <= 4);
        }
        assert_eq!(pieces(&TWO[..TWO.find("ü").unwrap()], 10).0.len(), 2);
        for text in ["", "x", "}}}]", "\"", "{[{[{", "{\"a\":[1,{}]}", "[[[[[{}]]]]]"] {
            assert_eq!(pieces(text, 10).0.len(), 0, "{text}");
        }
    }

    #[test]
    fn a_long_string_is_cut_between_two_characters_and_says_how_much_is_missing() {
        for unit in ["x", "ü", "\\u00fc", "\\n", "😀"] {
            let count = LONGEST_STRING / unit.len() + 1000;
            let long = unit.repeat(count);
            let text = format!("{{\"c\":[{{\"messages\":[{{\"a\":\"{long}\",\"b\":1}}]}}]}}");
            let (found, whole) = pieces(&text, 1 << 16);
            assert!(whole);
            let value: serde_json::Value = serde_json::from_str(&found[0][1..]).unwrap();
            assert_eq!(value["b"], 1);
            let (shown, rest) = value["a"].as_str().unwrap().split_once(CUT).unwrap();
            let kept: String = serde_json::from_str(&format!("\"{unit}\"")).unwrap();
            let kept = shown.chars().filter(|c| kept.contains(*c)).count();
            assert_eq!(kept, shown.chars().count(), "{unit}");
            let missing: usize = rest.trim_end_matches(CUT).parse().unwrap();
            assert_eq!(kept * unit.len() + missing, long.len(), "{unit}");
        }
    }

    #[test]
    fn no_message_is_held_beyond_its_bound() {
        let many = "{\"t\":\"".to_owned() + &"x".repeat(60 << 10) + "\"},";
        let of = |inner: &str| format!("{{\"c\":[{{\"m\":[{{\"p\":[{inner}1]}},{{\"q\":1}}]}}]}}");
        let (found, _) = pieces(&of(&many.repeat(100)), 1 << 16);
        assert!(found[0].len() <= LARGEST_MESSAGE && found[0].contains(CUT), "{}", found[0].len());
        serde_json::from_str::<serde_json::Value>(&found[0][1..]).unwrap();
        let (found, whole) = pieces(&of(&"0,".repeat(LARGEST_MESSAGE)), 1 << 16);
        assert_eq!((found, whole), (vec!["too large".into(), "m{\"q\":1}".into()], true));
    }
}
