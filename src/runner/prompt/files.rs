//! Files that go with a prompt.

use base64::Engine;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::client::wire::InputPart;
use crate::error::{Error, Result};
use crate::runner::input::{self, Wanted};

/// The largest file that is attached. Its content travels as base64 inside one JSON document.
const LARGEST_FILE: u64 = 20 << 20;

/// The most that is read from stdin, as of every other text there.
const LARGEST_STDIN: usize = 16 << 20;

/// A file as a part of a prompt. The content is inside, because the server may be on another
/// machine. `-` is stdin, which has no name: the model is told that it is `stdin`.
pub fn part(path: &Path, limit: Duration) -> Result<InputPart<'static>> {
    if input::is_stdin(path) {
        let wanted = Wanted { what: "the file", most: LARGEST_STDIN, limit };
        return Ok(with_content(&input::read_bytes(path, wanted)?, Some("stdin".into())));
    }
    let shown = path.display();
    let missing = |why: String| Error::not_found(format!("cannot attach {shown}: {why}"));
    let metadata = fs::metadata(path).map_err(|error| missing(error.to_string()))?;
    if !metadata.is_file() {
        return Err(missing("it is not a plain file".into()));
    }
    if metadata.len() > LARGEST_FILE {
        let limit = LARGEST_FILE >> 20;
        return Err(Error::failed(format!("cannot attach {shown}: it is larger than {limit} MiB")));
    }
    let content = fs::read(path).map_err(|error| missing(error.to_string()))?;
    Ok(with_content(&content, path.file_name().map(|name| name.to_string_lossy().into_owned())))
}

fn with_content(content: &[u8], filename: Option<String>) -> InputPart<'static> {
    let mime = media_type(content);
    let mut url = format!("data:{mime};base64,");
    base64::engine::general_purpose::STANDARD.encode_string(content, &mut url);
    InputPart::File { mime, filename, url, source: None }
}

/// The media type by content, not by name. All text is `text/plain`: the server passes that on to
/// the model as words, and most models refuse other media types of text.
fn media_type(content: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 6] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"ID3", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
    ];
    if let Some((_, mime)) = MAGIC.iter().find(|(magic, _)| content.starts_with(magic)) {
        return mime;
    }
    match (content.get(..4), content.get(8..12)) {
        (Some(b"RIFF"), Some(b"WEBP")) => "image/webp",
        (Some(b"RIFF"), Some(b"WAVE")) => "audio/wav",
        _ if std::str::from_utf8(content).is_ok() => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_comes_from_the_content() {
        assert_eq!(media_type("grüße".as_bytes()), "text/plain");
        assert_eq!(media_type(b""), "text/plain");
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\nx"), "image/png");
        assert_eq!(media_type(b"RIFF1234WEBPVP8 "), "image/webp");
        assert_eq!(media_type(b"%PDF-1.7"), "application/pdf");
        assert_eq!(media_type(b"\xff\x00"), "application/octet-stream");
    }

    #[test]
    fn a_directory_and_a_missing_file_are_not_found() {
        for path in ["/", "/nonexistent/x"] {
            assert_eq!(part(Path::new(path), Duration::ZERO).unwrap_err().code.exit(), 3, "{path}");
        }
    }
}
