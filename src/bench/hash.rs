//! SHA-256 of what decides about results, always in hexadecimal: of trees, tasks, values, runs.
//!
//! Each part goes in with its length, so that two different things never give the same bytes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::sorting;

/// How much of a file is read at once.
const PIECE: usize = 1 << 16;

/// The hash of bytes.
pub fn bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The hash of a value. Objects are sorted by key, so the order in a file does not matter.
pub fn json(value: &Value) -> String {
    bytes(value.to_string().as_bytes())
}

/// The hash of a file's content, which may be large.
pub fn file(path: &Path) -> Result<String> {
    content(path, &mut vec![0; PIECE]).map(|digest| hexadecimal(&digest)).map_err(unread(path))
}

/// The hash of a directory: every path below it with its kind, and of files also whether they may
/// be executed, and what they contain. A link counts as a link. Devices, sockets and pipes are
/// refused, because nothing could copy them.
pub fn tree(directory: &Path) -> Result<String> {
    let mut paths = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(parent) = open.pop() {
        let here = directory.join(&parent);
        for entry in fs::read_dir(&here).map_err(unread(&here))? {
            let entry = entry.map_err(unread(&here))?;
            let path = parent.join(entry.file_name());
            let kind = entry.file_type().map_err(unread(&here))?;
            if kind.is_dir() {
                open.push(path.clone());
            }
            paths.push((path, kind));
        }
    }
    sorting::sort_by(&mut paths, |(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    for (path, kind) in paths {
        let whole = directory.join(&path);
        let name = path.as_os_str().as_bytes();
        if kind.is_dir() {
            part(&mut hash, b"directory", name);
        } else if kind.is_symlink() {
            part(&mut hash, b"link", name);
            let target = fs::read_link(&whole).map_err(unread(&whole))?;
            part(&mut hash, b"to", target.as_os_str().as_bytes());
        } else if kind.is_file() {
            let mode = fs::symlink_metadata(&whole).map_err(unread(&whole))?.permissions().mode();
            let kind: &[u8] = if mode & 0o111 != 0 { b"program" } else { b"file" };
            part(&mut hash, kind, name);
            part(&mut hash, b"of", &content(&whole, &mut piece).map_err(unread(&whole))?);
        } else {
            let message = format!("{} is neither a file, a directory nor a link", whole.display());
            return Err(Error::usage(message).hint("remove it: nothing could copy it"));
        }
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// The id of a run, where `arm` is the identity of its arm. It changes with whatever makes another
/// run of it, and with nothing else: results stay valid when a plan gets more tasks, arms or
/// repeats.
pub fn run(batch: &str, task_sha256: &str, arm: &str, repeat: u32) -> String {
    bytes(format!("{batch}\n{task_sha256}\n{arm}\n{repeat}").as_bytes())
}

fn content(path: &Path, piece: &mut [u8]) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    loop {
        match file.read(piece) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(length) => hash.update(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn part(hash: &mut Sha256, kind: &[u8], bytes: &[u8]) {
    for part in [kind, bytes] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
}

fn unread(path: &Path) -> impl Fn(io::Error) -> Error {
    move |error| Error::usage(format!("{} cannot be read: {error}", path.display()))
}

/// Bytes as text, two digits each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    // The formatter of the standard library takes ten times as long, and there are reports of a
    // hundred thousand runs.
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::fs::symlink;

    fn scratch() -> PathBuf {
        let path = std::env::temp_dir().join(format!("occtl-hash-{}", crate::random::id()));
        fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn a_hash_is_what_other_programs_call_sha_256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(bytes(b""), empty);
        let root = scratch();
        fs::write(root.join("large"), vec![b'a'; PIECE + 1]).unwrap();
        assert_eq!(file(&root.join("large")).unwrap(), bytes(&vec![b'a'; PIECE + 1]));
        assert_eq!(json(&serde_json::json!({"b": 1, "a": 2})), bytes(br#"{"a":2,"b":1}"#));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn every_difference_of_a_tree_changes_its_hash_and_moving_it_does_not() {
        let root = scratch();
        let name = OsStr::from_bytes(b"new\nline \xff");
        let make = |at: &str| {
            let at = root.join(at);
            fs::create_dir_all(at.join("deep")).unwrap();
            fs::write(at.join("deep/a"), "1").unwrap();
            fs::write(at.join(name), "2").unwrap();
            symlink("deep/a", at.join("link")).unwrap();
            at
        };
        let hash = |at: &Path| tree(at).unwrap();
        let first = hash(&make("first"));
        let at = make("second");
        assert_eq!(hash(&at), first);
        let mut seen = vec![first];
        let mut changed = |what: &str| {
            let now = hash(&at);
            assert!(!seen.contains(&now), "{what} changes nothing");
            seen.push(now);
        };
        fs::write(at.join(name), "3").unwrap();
        changed("content");
        fs::set_permissions(at.join("deep/a"), fs::Permissions::from_mode(0o755)).unwrap();
        changed("the right to execute");
        fs::rename(at.join("deep/a"), at.join("deep/b")).unwrap();
        changed("a name");
        fs::remove_file(at.join("link")).unwrap();
        symlink("deep/b", at.join("link")).unwrap();
        changed("where a link points");
        fs::remove_file(at.join("link")).unwrap();
        fs::write(at.join("link"), "deep/b").unwrap();
        changed("a file in place of a link");
        fs::create_dir(at.join("empty")).unwrap();
        changed("an empty directory");
        rustix::fs::mkfifoat(rustix::fs::CWD, at.join("pipe"), 0o600.into()).unwrap();
        assert!(tree(&at).unwrap_err().message.contains("pipe is neither"));
        fs::remove_dir_all(root).unwrap();
    }
}
