//! Reads log files of any size in little memory: backwards to find where the last lines begin,
//! forwards to hand them over.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How much is read at once.
const BLOCK: usize = 64 * 1024;

/// The longest line that is kept whole; a longer one comes in pieces of this length.
pub const LONGEST_LINE: usize = 1 << 20;

/// Lines at the end of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct LastLines {
    /// The offset at which the first of them begins.
    pub start: u64,
    /// How many there are.
    pub count: usize,
}

/// Finds the last `count` lines that are wanted; fewer if the file has fewer. Reads no more of the
/// file than that needs.
pub fn last_matching(
    path: &Path,
    count: usize,
    is_wanted: &dyn Fn(&str) -> bool,
) -> io::Result<LastLines> {
    let mut file = File::open(path)?;
    let mut offset = file.seek(SeekFrom::End(0))?;
    let mut last = LastLines { start: offset, count: 0 };
    // The part that has been read of the line that spans `offset`.
    let mut tail: Vec<u8> = Vec::new();
    let mut block = vec![0; BLOCK];
    while offset > 0 && last.count < count {
        let length = usize::try_from(offset.min(BLOCK as u64)).unwrap_or(BLOCK);
        offset -= length as u64;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut block[..length])?;
        let mut end = length;
        while let Some(newline) = block[..end].iter().rposition(|byte| *byte == b'\n') {
            let line = [&block[newline + 1..end], &tail].concat();
            tail.clear();
            end = newline;
            if !line.is_empty() && is_wanted(&text(&line)) {
                last.count += 1;
                last.start = offset + newline as u64 + 1;
                if last.count == count {
                    return Ok(last);
                }
            }
        }
        // Only the beginning of an endless line is kept, and decides whether the line is wanted.
        let mut joined = block[..end].to_vec();
        joined.extend_from_slice(&tail);
        joined.truncate(LONGEST_LINE);
        tail = joined;
    }
    if offset == 0 && last.count < count && !tail.is_empty() && is_wanted(&text(&tail)) {
        return Ok(LastLines { start: 0, count: last.count + 1 });
    }
    Ok(last)
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

/// A file that is read line by line, also while it grows.
pub struct LineReader {
    path: PathBuf,
    input: BufReader<File>,
    /// How much of the file has been read.
    offset: u64,
    /// The line that is being read.
    line: Vec<u8>,
}

impl LineReader {
    /// Starts at an offset.
    pub fn open(path: &Path, offset: u64) -> io::Result<LineReader> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let input = BufReader::with_capacity(BLOCK, file);
        Ok(LineReader { path: path.into(), input, offset, line: Vec::new() })
    }

    /// Where the file is, or was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next complete line, or with `rest` also an incomplete one at the end of the file.
    pub fn next(&mut self, rest: bool) -> io::Result<Option<String>> {
        let room = (LONGEST_LINE - self.line.len()) as u64;
        let read = self.input.by_ref().take(room).read_until(b'\n', &mut self.line)?;
        self.offset += read as u64;
        let complete = self.line.ends_with(b"\n");
        let full = self.line.len() >= LONGEST_LINE;
        if self.line.is_empty() || !(complete || full || rest) {
            return Ok(None);
        }
        let line = text(self.line.strip_suffix(b"\n").unwrap_or(&self.line));
        self.line.clear();
        Ok(Some(line))
    }

    /// Whether the log has begun anew: its path names another file now, or the file is shorter than
    /// what was read of it.
    pub fn is_restarted(&self) -> bool {
        let Ok(open) = self.input.get_ref().metadata() else { return true };
        let is_other = |named: Metadata| named.ino() != open.ino() || named.dev() != open.dev();
        std::fs::metadata(&self.path).is_ok_and(is_other) || open.len() < self.offset
    }
}

/// How much of a log's end is read for its last lines.
const LOG_TAIL_BYTES: u64 = 64 * 1024;

/// The last lines of a file; empty if it cannot be read.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut bytes = Vec::new();
    // A log may be larger than memory, so only its end is read.
    let mut read = || -> io::Result<usize> {
        let mut file = File::open(path)?;
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
        let id = crate::random::id();
        let path = std::env::temp_dir().join(format!("occtl-log-{id}"));
        std::fs::write(&path, text).unwrap();
        check(&path);
        std::fs::remove_file(&path).unwrap();
    }

    fn tail(path: &Path, count: usize, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
        let last = last_matching(path, count, wanted).unwrap();
        let mut reader = LineReader::open(path, last.start).unwrap();
        let mut lines = Vec::new();
        while let Some(line) = reader.next(true).unwrap() {
            if !line.is_empty() && wanted(&line) {
                lines.push(line);
            }
        }
        assert_eq!(lines.len(), last.count);
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
            let expected = LastLines { start: 0, count: 1 };
            assert_eq!(last_matching(path, 5, &|_| true).unwrap(), expected);
            let mut reader = LineReader::open(path, 0).unwrap();
            let mut lengths = Vec::new();
            while let Some(piece) = reader.next(true).unwrap() {
                lengths.push(piece.len());
            }
            assert_eq!(lengths, [LONGEST_LINE; 3]);
        });
    }
}
