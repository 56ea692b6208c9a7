//! Reads what other people wrote, and copies it: never through a link that leads out of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::candidate::Refusal;
use crate::bench::workspace::lay::Lay;
use crate::bench::workspace::links::leaves;
use crate::error::{Error, Result};
use crate::sorting;

/// The longest text that is read as a whole: prompts and settings have kilobytes.
const LONGEST_TEXT: u64 = 4 * 1024 * 1024;

/// The most files of one task. A copy of `node_modules` has tens of thousands.
const MOST_FILES: usize = 200_000;

/// The directories in a directory, sorted by name. What begins with a dot is no task.
pub fn directories(parent: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |error| Error::usage(format!("{} cannot be read: {error}", parent.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(parent).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            found.push((name, entry.path()));
        }
    }
    sorting::sort(&mut found);
    Ok(found)
}

/// A refusal of a task whose directory is only a link to one.
pub fn expect_own(directory: &Path) -> std::result::Result<(), Refusal> {
    match directory.is_symlink() {
        true => Err("is a link; copy the set with its files (cp -RL)".to_string().into()),
        false => Ok(()),
    }
}

/// Whether something is in a directory, be it a link that leads nowhere.
pub fn has(directory: &Path, name: &str) -> bool {
    directory.join(name).symlink_metadata().is_ok()
}

/// Looks whether a tree can be copied as it is: without a link that leads out of it, and without
/// what is neither file nor directory. `shown` is its path in the task; empty for the task itself.
pub fn survey(root: &Path, shown: &str) -> std::result::Result<(), Refusal> {
    let unread = |error: io::Error| format!("{shown} cannot be read: {error}");
    let about = fs::symlink_metadata(root).map_err(unread)?;
    if !about.is_dir() {
        return Err(format!("{shown} is no directory").into());
    }
    let mut open = vec![PathBuf::new()];
    let mut count = 0;
    while let Some(inner) = open.pop() {
        for entry in fs::read_dir(root.join(&inner)).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let path = inner.join(entry.file_name());
            let kind = entry.file_type().map_err(unread)?;
            count += 1;
            if count > MOST_FILES {
                return Err(format!("{shown} has more than {MOST_FILES} files").into());
            }
            let shown = root_and(shown, &path);
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() && leaves(root, &path) {
                return Err(format!("{shown} is a link that leads out of the task").into());
            } else if !kind.is_file() && !kind.is_symlink() {
                return Err(format!("{shown} is neither a file, a directory nor a link").into());
            }
        }
    }
    Ok(())
}

/// A path below what is called `shown`, or below the task itself if that is empty.
fn root_and(shown: &str, inner: &Path) -> String {
    if shown.is_empty() {
        inner.display().to_string()
    } else {
        format!("{shown}/{}", inner.display())
    }
}

/// A text of a task; a refusal if it is missing. It must be a file and no link.
pub fn text(directory: &Path, name: &str) -> std::result::Result<String, Refusal> {
    optional_text(directory, name)?.ok_or_else(|| Refusal::Task(format!("has no {name}")))
}

/// A text of a task; `None` if it is missing.
pub fn optional_text(directory: &Path, name: &str) -> std::result::Result<Option<String>, Refusal> {
    let path = directory.join(name);
    let unread = |error: io::Error| Refusal::Task(format!("{name} cannot be read: {error}"));
    let about = match fs::symlink_metadata(&path) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(error)),
    };
    if about.is_symlink() {
        return Err(format!("{name} is a link; copy the set with its files (cp -RL)").into());
    }
    if !about.is_file() || about.len() > LONGEST_TEXT {
        let what = if about.is_file() { "is longer than 4 MiB" } else { "is no file" };
        return Err(format!("{name} {what}").into());
    }
    let mut bytes = Vec::new();
    // What became a pipe meanwhile is not waited for.
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
    file.and_then(|file| file.take(LONGEST_TEXT).read_to_end(&mut bytes)).map_err(unread)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Refusal::Task(format!("{name}:{line}: this is not UTF-8"))
    })?;
    if text.contains('\0') {
        return Err(format!("{name} contains NUL").into());
    }
    Ok(Some(text))
}

/// Copies a directory that was surveyed, or one file, over what is there.
pub fn copy(from: &Path, onto: &Path, is_left_out: &dyn Fn(&[u8]) -> bool) -> Copied {
    if let Some(parent) = onto.parent() {
        fs::create_dir_all(parent).map_err(unwritten(onto))?;
    }
    let lay = Lay { is_left_out, is_stopped: &|| false };
    if from.is_dir() {
        return lay.over(from, onto).map_err(unwritten(onto));
    }
    fs::copy(from, onto).map(drop).map_err(unwritten(onto))
}

/// What comes of writing a part of a task.
pub type Copied = std::result::Result<(), Refusal>;

/// Writes a new file.
pub fn write(path: &Path, text: &str, mode: u32) -> Copied {
    let make = || {
        fs::create_dir_all(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.open(path)?.write_all(text.as_bytes())
    };
    make().map_err(unwritten(path))
}

/// What an error of the system means: one task cannot be copied, or none can.
pub fn unwritten(path: &Path) -> impl Fn(io::Error) -> Refusal {
    move |error| match error.kind() {
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::NotFound => {
            let shown = path.display();
            Refusal::All(Error::failed(format!("{shown} cannot be written: {error}")))
        }
        _ => Refusal::Task(format!("cannot be copied: {error}")),
    }
}
