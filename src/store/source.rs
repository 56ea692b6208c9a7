//! The text of a store: in memory, or where it is in the file.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};

/// How much of a file is held at once, in bytes. A longer value is in memory as a whole, once.
const PIECE: usize = 64 << 10;

/// The text of a store. A large one stays in its file: a save gives the file's name to a new one,
/// and the old one can be read for as long as it is open.
pub enum Source {
    /// The whole text.
    Memory(Vec<u8>),
    /// The file, and what was read of it last.
    File(Opened),
}

/// An open file.
pub struct Opened {
    file: File,
    version: (i64, i64, u64),
    piece: RefCell<Piece>,
}

#[derive(Default)]
struct Piece {
    start: usize,
    bytes: Vec<u8>,
}

impl Source {
    /// The text of an open file.
    pub fn file(file: File) -> io::Result<Source> {
        let version = version(&file)?;
        Ok(Source::File(Opened { file, version, piece: RefCell::default() }))
    }

    /// Reads the text from its beginning.
    pub fn reader(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Source::Memory(text) => Box::new(&text[..]),
            Source::File(opened) => {
                (&opened.file).rewind()?;
                Box::new(&opened.file)
            }
        })
    }

    /// Calls `take` with these bytes of the text.
    pub fn with<T>(&self, range: &Range<usize>, take: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        match self {
            Source::Memory(text) => {
                text.get(range.clone()).map(take).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
            Source::File(opened) => {
                let mut piece = opened.piece.borrow_mut();
                piece.load(&opened.file, range)?;
                let start = range.start - piece.start;
                Ok(take(&piece.bytes[start..start + range.len()]))
            }
        }
    }

    /// Whether the file was written in place since it was opened, as only opencode-ctl 0.4.0 does.
    pub fn has_changed(&self) -> bool {
        match self {
            Source::Memory(_) => false,
            Source::File(opened) => version(&opened.file).ok() != Some(opened.version),
        }
    }
}

impl Piece {
    /// Reads from the beginning of a range, unless the range has been read already.
    fn load(&mut self, file: &File, range: &Range<usize>) -> io::Result<()> {
        if self.start <= range.start && range.end <= self.start + self.bytes.len() {
            return Ok(());
        }
        self.start = range.start;
        self.bytes.resize(range.len().max(PIECE), 0);
        self.bytes.shrink_to(2 * PIECE);
        let mut count = 0;
        while count < self.bytes.len() {
            match file.read_at(&mut self.bytes[count..], (range.start + count) as u64) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.bytes.clear();
                    return Err(error);
                }
            }
        }
        self.bytes.truncate(count);
        if count < range.len() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn version(file: &File) -> io::Result<(i64, i64, u64)> {
    file.metadata().map(|facts| (facts.mtime(), facts.mtime_nsec(), facts.len()))
}
