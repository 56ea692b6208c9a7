//! Decodes server-sent events, from bytes to the data of each event. It neither reads nor waits.

/// The longest event that is kept if the state can be asked for instead, in bytes. Servers put
/// whole tool results into one event.
pub const LONG: usize = 1 << 20;
/// The longest event that is kept at all, in bytes.
pub const LONGEST: usize = 64 << 20;

/// Takes a stream in pieces of any size and returns the data of each event.
///
/// Lines end in CR, LF or CRLF. Comments and fields other than `data` are ignored. Several `data`
/// lines of one event are joined by a newline. An event that the end of the stream cuts short is
/// dropped, as the standard demands. Nothing is kept of an event that is too long.
#[derive(Debug)]
pub struct Decoder {
    longest: usize,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    too_long: bool,
    after_cr: bool,
    started: bool,
}

impl Decoder {
    /// A decoder for events of up to `longest` bytes.
    pub fn new(longest: usize) -> Decoder {
        Decoder {
            longest,
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            too_long: false,
            after_cr: false,
            started: false,
        }
    }

    /// Takes the next piece. `take` gets the data of each event that the piece completes, and
    /// `None` for an event that is too long.
    pub fn feed(&mut self, mut bytes: &[u8], take: &mut dyn FnMut(Option<&[u8]>)) {
        if self.after_cr && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_cr = false;
        }
        while let Some(at) = line_end(bytes) {
            if self.line.is_empty() && at <= self.longest {
                // The usual case: the piece contains the whole line, and nothing is copied twice.
                self.end_line(&bytes[..at], take);
            } else {
                self.keep(&bytes[..at]);
                let mut line = std::mem::take(&mut self.line);
                if line.starts_with(b"data: ") && !self.has_data {
                    // A `data` line can be large, so it is moved and not copied.
                    self.started = true;
                    line.drain(..b"data: ".len());
                    (self.data, self.has_data) = (line, true);
                } else {
                    self.end_line(&line, take);
                }
            }
            let crlf = bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
            self.after_cr = bytes[at] == b'\r' && at + 1 == bytes.len();
            bytes = &bytes[at + 1 + usize::from(crlf)..];
        }
        self.keep(bytes);
    }

    /// Adds to the incomplete line. A line that is too long is replaced by a comment: what counts
    /// later is only that it is not empty.
    fn keep(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() > self.longest {
            self.too_long = true;
            self.line = vec![b':'];
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, line: &[u8], take: &mut dyn FnMut(Option<&[u8]>)) {
        let line = match line.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) if !self.started => rest,
            _ => line,
        };
        self.started = true;
        if line.is_empty() {
            if self.too_long {
                take(None);
            } else if self.has_data {
                take(Some(&self.data));
            }
            self.has_data = false;
            self.too_long = false;
            self.data.clear();
            // One large event must not keep its memory for the rest of the stream.
            self.data.shrink_to(LONG);
            return;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (&line[..at], line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])),
            None => (line, &b""[..]),
        };
        if field == b"data" {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.has_data = true;
            self.data.extend_from_slice(value);
            self.too_long |= self.data.len() > self.longest;
            if self.too_long {
                self.data = Vec::new();
            }
        }
    }
}

/// The place of the first byte that ends a line. Eight bytes are looked at together, because most
/// bytes of a stream are in events that the caller does not want, and this is all that reads them.
fn line_end(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // A byte that is zero borrows from its high bit.
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH != 0;
    let has_end = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        let with = |end: u8| word ^ (ONES * u64::from(end));
        has_zero(with(b'\n')) || has_zero(with(b'\r'))
    };
    let (words, _) = bytes.as_chunks::<8>();
    let passed = 8 * words.iter().take_while(|word| !has_end(word)).count();
    let found = bytes[passed..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    found.map(|at| passed + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_line_is_found_at_every_place_and_no_other_byte_is_taken_for_it() {
        for length in 0..40 {
            for other in [0, b'\n' - 1, b'\n' + 1, b'\r' + 1, 0x80 | b'\n', 0x80 | b'\r', 0xff] {
                let mut bytes = vec![other; length];
                assert_eq!(line_end(&bytes), None);
                for end in [b'\n', b'\r'] {
                    for at in (0..length).rev() {
                        bytes[at] = end;
                        assert_eq!(line_end(&bytes), Some(at), "{bytes:?}");
                    }
                    bytes.fill(other);
                }
            }
        }
    }

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::new(LONG);
        let mut events = Vec::new();
        for piece in pieces {
            decoder.feed(piece, &mut |data| {
                events.push(String::from_utf8_lossy(data.unwrap_or(b"too long")).into_owned());
            });
        }
        events
    }

    const STREAM: &[u8] =
        b"\xEF\xBB\xBFdata: a\n\n: comment\r\ndata:b\r\ndata: c\r\n\r\nevent: x\r\
        id: 1\rdata:  d\r\rdata\n\nretry: 5\n\ndata: cut";
    const EVENTS: [&str; 4] = ["a", "b\nc", " d", ""];

    #[test]
    fn all_line_ends_comments_and_several_data_lines() {
        assert_eq!(decode(&[STREAM]), EVENTS);
    }

    #[test]
    fn a_stream_split_anywhere_gives_the_same_events() {
        for at in 0..=STREAM.len() {
            let (head, tail) = STREAM.split_at(at);
            assert_eq!(decode(&[head, tail]), EVENTS, "split at {at}");
            assert_eq!(decode(&[head, b"", tail]), EVENTS, "split at {at} with a pause");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(decode(&bytes), EVENTS);
    }

    #[test]
    fn only_one_line_feed_belongs_to_a_carriage_return_before_it() {
        assert_eq!(decode(&[b"data: a\r\n\n"]), ["a"]);
        assert_eq!(decode(&[b"data: a\r", b"\n", b"\n"]), ["a"]);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_only_at_the_very_beginning() {
        let (mark, first, more) = (b"\xEF\xBB\xBF", b"data: a", b"\n\xEF\xBB\xBFdata: b\n\n");
        assert_eq!(decode(&[mark, first, more]), ["a"]);
        assert_eq!(decode(&[first, more]), ["a"]);
    }

    #[test]
    fn of_an_event_that_is_too_long_nothing_is_kept_and_the_next_one_is_whole() {
        let long = vec![b'x'; LONG / 4];
        let mut pieces = vec![&b"data: a\n\ndata: "[..]];
        pieces.extend([&long[..]; 9]);
        pieces.extend([&b"\ndata: more\n\ndata: b\n\ndata: "[..], &long, b"\n\n"]);
        // The same with lines that are short enough each.
        pieces.extend([&b"data: "[..], &long, b"\n"].repeat(5));
        pieces.extend([&b"\ndata: c\n\n"[..]]);
        let mut events = decode(&pieces);
        assert_eq!(events.remove(3).len(), long.len());
        assert_eq!(events, ["a", "too long", "b", "too long", "c"]);
    }

    #[test]
    fn whatever_comes_is_the_same_in_one_piece_and_in_many() {
        let texts = [String::from_utf8_lossy(STREAM).into_owned(), "data: {\"a\":1}\n\n".repeat(9)];
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        crate::testing::mutations(&texts, std::time::Duration::from_millis(500), |bytes| {
            let whole = decode(&[bytes]);
            let size = bytes.first().map_or(1, |byte| usize::from(*byte) % 7 + 1);
            assert_eq!(decode(&bytes.chunks(size).collect::<Vec<_>>()), whole);
            // Empty lines end events, so there cannot be more events than line ends.
            assert!(whole.len() <= bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count());
        });
    }
}
