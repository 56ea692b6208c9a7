//! Text that a user hands over: in a file, through a pipe or on stdin.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::process;
use crate::units::seconds;

/// What is read, for messages, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// For example `the schema`.
    pub what: &'static str,
    /// The most bytes that it may have.
    pub most: usize,
    /// How long it may take to arrive.
    pub limit: Duration,
}

/// Reads a file that the user named, or stdin if the path is `-`, as UTF-8 with `\n` at the ends of
/// lines. A byte order mark is left out, and UTF-16 that begins with one is converted.
pub fn read_text(path: &Path, wanted: Wanted) -> Result<String> {
    let bytes = read_bytes(path, wanted)?;
    decoded(bytes).map_err(|why| {
        Error::usage(format!("{} {} {why}", wanted.what, name(path)))
            .hint("iconv -f UTF-16 -t UTF-8 converts it if it is UTF-16")
    })
}

/// Reads a file that the user named, or stdin if the path is `-`, as it is.
pub fn read_bytes(path: &Path, wanted: Wanted) -> Result<Vec<u8>> {
    let Wanted { what, most, limit } = wanted;
    let shown = name(path);
    process::read_input(path, most, limit).map_err(|error| {
        let message = format!("cannot read {what} {shown}: {error}");
        match error.kind() {
            ErrorKind::NotFound => Error::not_found(message),
            ErrorKind::FileTooLarge => {
                let (size, unit) = match most {
                    0..0x400 => (most, "bytes"),
                    0x400..0x10_0000 => (most >> 10, "KiB"),
                    _ => (most >> 20, "MiB"),
                };
                Error::usage(format!("{what} {shown} has more than {size} {unit}"))
            }
            ErrorKind::TimedOut => {
                let limit = seconds(limit);
                Error::new(Code::Timeout, format!("{what} {shown} did not end within {limit}"))
                    .hint("its writer must close it; Ctrl-D does that on a terminal")
            }
            _ => Error::failed(message),
        }
    })
}

/// A path for messages.
pub fn name(path: &Path) -> String {
    if is_stdin(path) { "on stdin".into() } else { path.display().to_string() }
}

/// Whether a path means stdin.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The text that some bytes hold, or why they hold none. Windows writes UTF-16, byte order marks
/// and `\r\n`. No text has zero bytes, but UTF-16 without a byte order mark has them.
fn decoded(bytes: Vec<u8>) -> std::result::Result<String, &'static str> {
    let text = match bytes.get(..2) {
        Some(b"\xff\xfe") => from_utf16(&bytes[2..], u16::from_le_bytes),
        Some(b"\xfe\xff") => from_utf16(&bytes[2..], u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    };
    let text = text.ok_or("is not UTF-8 text")?;
    if text.contains('\0') {
        return Err("has a zero byte in it, which no text has");
    }
    let text = text.strip_prefix('\u{feff}').map(String::from).unwrap_or(text);
    Ok(if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text })
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_writes_is_text_and_what_is_none_is_refused() {
        for bytes in [
            &b"{\"a\": 1}\n"[..],
            b"\xef\xbb\xbf{\"a\": 1}\r\n",
            b"\xff\xfe{\0\"\0a\0\"\0:\0 \x001\0}\0\r\0\n\0",
            b"\xfe\xff\0{\0\"\0a\0\"\0:\0 \x001\0}\0\n",
        ] {
            assert_eq!(decoded(bytes.to_vec()).as_deref(), Ok("{\"a\": 1}\n"), "{bytes:?}");
        }
        for bytes in [&b"\xff\xfex"[..], b"\xff\xfe\0\xd8", b"{\0}\0", b"a\xff"] {
            assert!(decoded(bytes.to_vec()).is_err(), "{bytes:?}");
        }
        assert_eq!(decoded(Vec::new()).as_deref(), Ok(""));
        assert_eq!(decoded(b"a\rb".to_vec()).as_deref(), Ok("a\rb"));
    }
}
