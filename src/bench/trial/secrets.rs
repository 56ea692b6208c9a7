//! Takes the values of secrets out of files that are kept.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::sorting;

/// A shorter value is no secret, and replacing it would spoil the text: `CI=1`.
const SHORTEST: usize = 6;

/// How much of a file is read at once.
const PIECE: usize = 1 << 20;

/// How much of one file is kept.
const LONGEST: u64 = 1 << 30;

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";

/// Values that must not be in any artifact.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Vec<Vec<u8>>,
}

impl Secrets {
    /// Adds a value, and how JSON writes it.
    pub fn add(&mut self, value: &str) {
        let json = serde_json::Value::from(value).to_string();
        for form in [value, json.trim_matches('"')] {
            let form = form.as_bytes().to_vec();
            if form.len() >= SHORTEST && !self.values.contains(&form) {
                self.values.push(form);
            }
        }
        // A value that contains another one is replaced as a whole.
        sorting::sort_by_key(&mut self.values, |one| std::cmp::Reverse(one.len()));
    }

    /// A text without them.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_string();
        for value in self.values.iter().filter_map(|value| str::from_utf8(value).ok()) {
            masked = masked.replace(value, "***");
        }
        masked
    }

    /// Writes files without them one behind the other into another one. What is no plain file is
    /// left out: an agent may have put a link or a pipe in its place. Nothing is written if there
    /// is nothing to write.
    pub fn copy(&self, from: &[&Path], to: &Path) -> io::Result<()> {
        let mut output = None;
        for path in from {
            let Ok(input) = open_plain(path) else { continue };
            let output = match &mut output {
                Some(output) => output,
                None => output.insert(BufWriter::new(File::create(to)?)),
            };
            self.pass(&mut input.take(LONGEST), output)?;
        }
        output.map_or(Ok(()), |mut output| output.flush())
    }

    /// Passes bytes on without them. What may be the beginning of a secret is held back until more
    /// is read.
    fn pass(&self, input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
        let longest = self.values.first().map_or(0, Vec::len);
        if longest == 0 {
            return io::copy(input, output).map(drop);
        }
        let mut held: Vec<u8> = Vec::new();
        let mut chunk = vec![0; PIECE];
        loop {
            let count = input.read(&mut chunk)?;
            held.extend_from_slice(&chunk[..count]);
            // A secret that begins before this place is complete within what is held.
            let sure =
                if count == 0 { held.len() } else { (held.len() + 1).saturating_sub(longest) };
            let mut at = 0;
            let mut from = 0;
            while at < sure.min(held.len()) {
                match self.values.iter().find(|value| held[at..].starts_with(value)) {
                    Some(value) => {
                        output.write_all(&held[from..at])?;
                        output.write_all(MASK)?;
                        at += value.len();
                        from = at;
                    }
                    None => at += 1,
                }
            }
            output.write_all(&held[from..at])?;
            held.drain(..at);
            if count == 0 {
                return Ok(());
            }
        }
    }
}

/// Opens a file that an agent could write. Nothing waits for a pipe, and no link is followed.
pub fn open_plain(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Slow;

    #[test]
    fn a_secret_is_found_wherever_a_piece_ends_and_however_json_writes_it() {
        let mut secrets = Secrets::default();
        for value in ["sk-1234", "sk-1234567", "li\"ne\none", "1"] {
            secrets.add(value);
        }
        let text = r#"1 sk-1234 sk-1234567 "li\"ne\none" sk-123"#;
        for size in 1..text.len() {
            let mut output = Vec::new();
            secrets.pass(&mut Slow(text.as_bytes(), size), &mut output).unwrap();
            let shown = String::from_utf8(output).unwrap();
            assert_eq!(shown, r#"1 *** *** "***" sk-123"#, "in pieces of {size}");
        }
        assert_eq!(secrets.mask("a sk-1234567 b"), "a *** b");
    }
}
