//! Server-sent events, from bytes to the data of one event. Pure: no reading, no waiting.

use std::fmt;

/// The longest line that is taken. A server sends whole tool results in one.
pub const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// A line was longer than [`LONGEST_LINE`]; the stream cannot be trusted from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

impl fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line of the event stream is longer than {} MB", LONGEST_LINE >> 20)
    }
}

/// Takes a stream in pieces of any size and gives the data of each event.
///
/// Lines end in CR, LF or CRLF; comments and fields other than `data` are passed over; several
/// `data` lines of one event are joined by a newline. An event that the stream's end cuts short is
/// dropped, as the standard wants it.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    started: bool,
}

impl Decoder {
    /// Takes the next piece; `take` is called with the data of each event that it completes.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), LineTooLong> {
        if self.after_cr && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_cr = false;
        }
        while let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            if self.line.is_empty() {
                // The usual case: the whole line is in this piece, and nothing is copied twice.
                self.end_line(&bytes[..at], take);
            } else {
                self.line.extend_from_slice(&bytes[..at]);
                let line = std::mem::take(&mut self.line);
                self.end_line(&line, take);
                // One huge event must not keep its memory for the rest of the stream.
                self.line = if line.capacity() > 1 << 20 { Vec::new() } else { line };
                self.line.clear();
            }
            let crlf = bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
            self.after_cr = bytes[at] == b'\r' && at + 1 == bytes.len();
            bytes = &bytes[at + 1 + usize::from(crlf)..];
        }
        if self.line.len() + bytes.len() > LONGEST_LINE {
            return Err(LineTooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, line: &[u8], take: &mut dyn FnMut(&[u8])) {
        let line = match line.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) if !self.started => rest,
            _ => line,
        };
        self.started = true;
        if line.is_empty() {
            if self.has_data {
                take(&self.data);
            }
            self.has_data = false;
            self.data.clear();
            if self.data.capacity() > 1 << 20 {
                self.data = Vec::new();
            }
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for piece in pieces {
            let take = &mut |data: &[u8]| events.push(String::from_utf8_lossy(data).into_owned());
            decoder.feed(piece, take).unwrap();
        }
        events
    }

    const STREAM: &[u8] = b"\xEF\xBB\xBFdata: a\n\n: comment\r\ndata:b\r\ndata: c\r\n\r\nevent: x\rid: 1\rdata:  d\r\rdata\n\nretry: 5\n\ndata: cut";
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
    fn a_line_without_end_is_an_error_and_not_all_of_memory() {
        let mut decoder = Decoder::default();
        let piece = vec![b'x'; 8 << 20];
        let mut result = Ok(());
        for _ in 0..9 {
            result = decoder.feed(&piece, &mut |_| panic!("no event was complete"));
            if result.is_err() {
                break;
            }
        }
        assert_eq!(result, Err(LineTooLong));
    }

    #[test]
    fn whatever_comes_is_the_same_in_one_piece_and_in_many() {
        let texts = [String::from_utf8_lossy(STREAM).into_owned(), "data: {\"a\":1}\n\n".repeat(9)];
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        crate::units::mutations(&texts, std::time::Duration::from_millis(500), |bytes| {
            let whole = decode(&[bytes]);
            let size = bytes.first().map_or(1, |byte| usize::from(*byte) % 7 + 1);
            assert_eq!(decode(&bytes.chunks(size).collect::<Vec<_>>()), whole);
            // Empty lines end events, so there are no more events than those.
            assert!(whole.len() <= bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count());
        });
    }
}
