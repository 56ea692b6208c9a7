//! Lists the files of a tree that an agent may have left in any state.

use std::fs::{self, Permissions, ReadDir};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::sorting;

/// What is in a tree. Paths are relative to it, and any bytes.
#[derive(Default)]
pub struct Walk {
    /// Files and links, sorted.
    pub files: Vec<Vec<u8>>,
    /// The files called `.gitignore`, with what they say.
    pub rules: Vec<(PathBuf, Vec<u8>)>,
    /// What is neither a file, a link nor a directory, or cannot be read.
    pub odd: Vec<PathBuf>,
}

/// Lists a tree. Every `.git` in it is left out with all below it, whatever it is. What the owner
/// may not read is made readable first.
pub fn walk(tree: &Path) -> Walk {
    let mut found = Walk::default();
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        let Ok(entries) = read(&tree.join(&inner)) else {
            found.odd.push(inner);
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            // Git takes no other spelling of it into a tree either.
            if name.as_bytes().eq_ignore_ascii_case(b".git") {
                continue;
            }
            let path = inner.join(&name);
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_file() && is_readable(&entry.path()) => {
                    if name == ".gitignore" {
                        let rules = fs::read(entry.path()).unwrap_or_default();
                        found.rules.push((path.clone(), rules));
                    }
                    found.files.push(path.into_os_string().into_encoded_bytes());
                }
                Ok(kind) if kind.is_symlink() => {
                    found.files.push(path.into_os_string().into_encoded_bytes());
                }
                _ => found.odd.push(path),
            }
        }
    }
    sorting::sort(&mut found.files);
    sorting::sort(&mut found.odd);
    found
}

fn read(path: &Path) -> io::Result<ReadDir> {
    let readable = fs::metadata(path).is_ok_and(|about| about.mode() & 0o500 == 0o500);
    if !readable {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    fs::read_dir(path)
}

fn is_readable(path: &Path) -> bool {
    let may = || rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok();
    may() || {
        let mode = fs::symlink_metadata(path).map_or(0, |about| about.mode() & 0o777);
        fs::set_permissions(path, Permissions::from_mode(mode | 0o400)).is_ok() && may()
    }
}
