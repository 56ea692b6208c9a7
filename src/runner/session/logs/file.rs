//! Reads log files of any size in little memory: backwards to find where the last lines begin,
//! forwards to hand them over.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// How much is read at once.
const BLOCK: usize = 64 * 1024;

/// The longest line that is kept whole; what is longer comes in pieces of this length.
pub const LONGEST_LINE: usize = 1 << 20;

/// Where the last `count` lines that `wanted` takes begin, and how many there are; looks at no more
/// of the file than that needs.
pub fn last(path: &Path, count: usize, wanted: &dyn Fn(&str) -> bool) -> io::Result<(u64, usize)> {
    let mut file = File::open(path)?;
    let mut at = file.seek(SeekFrom::End(0))?;
    let (mut found, mut start) = (0, at);
    // What has been read of the line that goes on before `at`.
    let mut tail: Vec<u8> = Vec::new();
    let mut block = vec![0; BLOCK];
    while at > 0 && found < count {
        let length = usize::try_from(at.min(BLOCK as u64)).unwrap_or(BLOCK);
        at -= length as u64;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut block[..length])?;
        let mut end = length;
        while let Some(newline) = block[..end].iter().rposition(|byte| *byte == b'\n') {
            let line = [&block[newline + 1..end], &tail].concat();
            tail.clear();
            end = newline;
            if !line.is_empty() && wanted(&text(&line)) {
                found += 1;
                start = at + newline as u64 + 1;
                if found == count {
                    return Ok((start, found));
                }
            }
        }
        // Of a line without end the beginning is what decides.
        let mut joined = block[..end].to_vec();
        joined.extend_from_slice(&tail);
        joined.truncate(LONGEST_LINE);
        tail = joined;
    }
    if at == 0 && found < count && !tail.is_empty() && wanted(&text(&tail)) {
        return Ok((0, found + 1));
    }
    Ok((start, found))
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

/// A file that is read line by line, also while it grows.
pub struct LineReader {
    input: BufReader<File>,
    line: Vec<u8>,
}

impl LineReader {
    /// Starts at an offset.
    pub fn open(path: &Path, offset: u64) -> io::Result<LineReader> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(LineReader { input: BufReader::with_capacity(BLOCK, file), line: Vec::new() })
    }

    /// The next line that is complete, or with `rest` what is there of it.
    pub fn next(&mut self, rest: bool) -> io::Result<Option<String>> {
        let room = (LONGEST_LINE - self.line.len()) as u64;
        self.input.by_ref().take(room).read_until(b'\n', &mut self.line)?;
        let complete = self.line.ends_with(b"\n");
        let full = self.line.len() >= LONGEST_LINE;
        if self.line.is_empty() || !(complete || full || rest) {
            return Ok(None);
        }
        let line = text(self.line.strip_suffix(b"\n").unwrap_or(&self.line));
        self.line.clear();
        Ok(Some(line))
    }

    /// Whether the file is shorter than what was read of it: somebody cut it.
    pub fn cut(&mut self) -> io::Result<bool> {
        let at = self.input.stream_position()?;
        Ok(self.input.get_ref().metadata()?.len() < at)
    }

    /// Whether the path names another file by now.
    pub fn replaced(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        let same =
            |a: std::fs::Metadata, b: std::fs::Metadata| a.ino() == b.ino() && a.dev() == b.dev();
        match (std::fs::metadata(path), self.input.get_ref().metadata()) {
            (Ok(named), Ok(open)) => !same(named, open),
            _ => false,
        }
    }
}

/// How much of a log's end is read for its last lines.
const LOG_TAIL_BYTES: u64 = 64 * 1024;

/// The last lines of a file; empty if it cannot be read.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut bytes = Vec::new();
    // A log may be larger than memory.
    let mut read = || -> std::io::Result<usize> {
        let mut file = std::fs::File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(LOG_TAIL_BYTES)))?;
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)
    };
    let _ = read();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| line.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &[u8], check: impl FnOnce(&Path)) {
        let id = uuid::Uuid::new_v4();
        let path = std::env::temp_dir().join(format!("occtl-log-{id}"));
        std::fs::write(&path, text).unwrap();
        check(&path);
        std::fs::remove_file(&path).unwrap();
    }

    fn tail(path: &Path, count: usize, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
        let (start, found) = last(path, count, wanted).unwrap();
        let mut reader = LineReader::open(path, start).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = reader.next(true).unwrap() {
            if !line.is_empty() && wanted(&line) {
                lines.push(line);
            }
        }
        assert_eq!(lines.len(), found);
        lines
    }

    #[test]
    fn the_last_lines_are_found_from_the_end_across_blocks() {
        let mut text = String::new();
        for number in 0..30_000 {
            text.push_str(&format!("line {number} {}\n", if number % 100 == 0 { "X" } else { "" }));
        }
        with_file(text.as_bytes(), |path| {
            assert_eq!(tail(path, 2, &|_| true), ["line 29998 ", "line 29999 "]);
            let hits = tail(path, 200, &|line| line.ends_with('X'));
            assert_eq!((hits.len(), hits[0].as_str()), (200, "line 10000 X"));
            assert_eq!(tail(path, 10_000_000, &|_| true).len(), 30_000);
            assert!(tail(path, 0, &|_| true).is_empty());
            assert!(tail(path, 5, &|_| false).is_empty());
        });
    }

    #[test]
    fn files_of_every_shape() {
        for (text, expected) in [
            (&b""[..], &[][..]),
            (b"\n\n", &[]),
            (b"a", &["a"]),
            (b"a\nb", &["a", "b"]),
            (b"a\r\n\nb\n", &["a", "b"]),
            (b"\xff\n", &["\u{fffd}"]),
        ] {
            with_file(text, |path| assert_eq!(tail(path, 9, &|_| true), expected, "{text:?}"));
        }
        with_file(&vec![b'x'; 3 * LONGEST_LINE], |path| {
            assert_eq!(last(path, 5, &|_| true).unwrap(), (0, 1));
            let mut reader = LineReader::open(path, 0).unwrap();
            let mut lengths = Vec::new();
            while let Some(piece) = reader.next(true).unwrap() {
                lengths.push(piece.len());
            }
            assert_eq!(lengths, [LONGEST_LINE; 3]);
        });
    }
}
