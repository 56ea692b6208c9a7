//! Helpers for the unit tests of several layers. They are no part of the program.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A new empty directory for one test, which removes it at its end.
pub fn scratch(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("occtl-unit-{name}-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// Gives so many bytes of a text at a time, as a pipe may do.
pub struct Slow<'a>(pub &'a [u8], pub usize);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(into.len());
        into[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// Passes seeded mutations of texts to `check` until `time` is over. A panic is reported with its
/// seed. The long runs are in `tests/fuzz`.
pub fn mutations(texts: &[&str], time: Duration, check: impl Fn(&[u8])) {
    let first: u64 =
        std::env::var("OCCTL_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let until = Instant::now() + time;
    for seed in first.. {
        if Instant::now() >= until {
            break;
        }
        let bytes = mutation(texts, seed);
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&bytes)));
        assert!(failed.is_ok(), "OCCTL_FUZZ_SEED={seed}: {:?}", String::from_utf8_lossy(&bytes));
    }
}

/// One of the texts with a few bytes, pieces or numbers changed. The same seed gives the same
/// result.
fn mutation(texts: &[&str], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below.max(1)
    };
    let mut bytes = texts[next(texts.len())].as_bytes().to_vec();
    for _ in 0..=next(6) {
        let (at, length) = (next(bytes.len()), next(24));
        let end = (at + length).min(bytes.len());
        match next(6) {
            0 if at < bytes.len() => bytes[at] = next(256) as u8,
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                let to = next(bytes.len() + 1);
                drop(bytes.splice(to..to, piece));
            }
            3 => {
                let words: [&[u8]; 8] = [
                    b"null",
                    b"-1",
                    b"1e999",
                    b"[]",
                    b"{}",
                    b"\"\"",
                    b"\r",
                    b"99999999999999999999",
                ];
                drop(bytes.splice(at..end, words[next(8)].iter().copied()));
            }
            4 => bytes.truncate(at),
            _ => {
                let other = texts[next(texts.len())].as_bytes();
                let from = next(other.len());
                let piece = &other[from..(from + length).min(other.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
        }
    }
    bytes
}
