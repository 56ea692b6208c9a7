//! Lays the files of one directory over another one, without ever following a link.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// The part of a mode that `chmod` sets.
const MODE: u32 = 0o7777;

/// What is laid over, and what is left out.
pub struct Lay<'a> {
    /// Whether a path, relative to both directories, is left out with all below it.
    pub is_left_out: &'a dyn Fn(&[u8]) -> bool,
    /// Whether to end early, with an error of kind `Interrupted`.
    pub is_stopped: &'a dyn Fn() -> bool,
}

impl Lay<'_> {
    /// Copies everything from one directory into another one, which is made if it is missing.
    /// Files keep their mode and time, links stay links, and what is in the way is replaced. The
    /// owner may enter and change every directory of the copy, even where the original is
    /// read-only.
    ///
    /// The file system shares the content where it can: that is what `fs::copy` asks the kernel
    /// for, and otherwise the kernel copies it in one pass.
    pub fn over(&self, from: &Path, onto: &Path) -> io::Result<()> {
        let is_new = make_directory(onto, 0o700)?;
        self.level((from, onto), Path::new(""), is_new)
    }

    /// Removes what is left out of a directory where it is already.
    pub fn prune(&self, directory: &Path) -> io::Result<()> {
        let mut open = vec![PathBuf::new()];
        while let Some(inner) = open.pop() {
            for entry in fs::read_dir(directory.join(&inner))? {
                let entry = entry?;
                let path = inner.join(entry.file_name());
                if (self.is_left_out)(path.as_os_str().as_bytes()) {
                    clear(&entry.path())?;
                } else if entry.file_type()?.is_dir() {
                    open.push(path);
                }
            }
        }
        Ok(())
    }

    fn level(&self, roots: (&Path, &Path), inner: &Path, is_new: bool) -> io::Result<()> {
        if (self.is_stopped)() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let here = roots.0.join(inner);
        for entry in fs::read_dir(&here).map_err(named("read", &here))? {
            let entry = entry.map_err(named("read", &here))?;
            let inner = inner.join(entry.file_name());
            if (self.is_left_out)(inner.as_os_str().as_bytes()) {
                continue;
            }
            let (from, onto) = (entry.path(), roots.1.join(&inner));
            let about = entry.metadata().map_err(named("read", &from))?;
            if about.is_dir() {
                let is_new = make_directory(&onto, about.mode() & MODE)?;
                self.level(roots, &inner, is_new)?;
                continue;
            }
            if !is_new {
                clear(&onto)?;
            }
            put(&from, &onto, &about).map_err(named("copy", &from))?;
        }
        Ok(())
    }
}

/// Makes a copy of a file or a link where nothing is.
fn put(from: &Path, onto: &Path, about: &Metadata) -> io::Result<()> {
    if about.is_symlink() {
        return symlink(fs::read_link(from)?, onto);
    }
    if !about.is_file() {
        let what = "it is neither a file, a directory nor a link";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    fs::copy(from, onto)?;
    // Programs like make decide by times. Those of a copy would depend on the order of copying.
    let time = Timespec { tv_sec: about.mtime(), tv_nsec: about.mtime_nsec() };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, onto, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Makes a directory, in place of what else is there; true if it is new.
fn make_directory(path: &Path, mode: u32) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => {
            if about.mode() & 0o700 != 0o700 {
                fs::set_permissions(path, fs::Permissions::from_mode(about.mode() & MODE | 0o700))?;
            }
            return Ok(false);
        }
        Ok(_) => clear(path)?,
        Err(_) => {}
    }
    DirBuilder::new().mode(mode | 0o700).create(path).map_err(named("make", path))?;
    Ok(true)
}

/// Removes whatever has a name, if anything has.
pub fn clear(path: &Path) -> io::Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => super::removal::all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    result.map_err(named("remove", path))
}

/// Makes the directories above a path below `root`, each in place of what else is there, unless
/// `is_kept` says of that that it stays: then nothing below it can be, and the result is false.
pub fn make_parents(root: &Path, path: &Path, is_kept: &dyn Fn(&Path) -> bool) -> io::Result<bool> {
    let mut inner = PathBuf::new();
    for name in path.parent().into_iter().flat_map(Path::components) {
        inner.push(name);
        let whole = root.join(&inner);
        let is_other = fs::symlink_metadata(&whole).is_ok_and(|about| !about.is_dir());
        if is_other && is_kept(&inner) {
            return Ok(false);
        }
        make_directory(&whole, 0o755)?;
    }
    Ok(true)
}

/// The same error with what was done, and to what.
fn named<'a>(what: &'a str, path: &'a Path) -> impl Fn(io::Error) -> io::Error + 'a {
    move |error| {
        if error.kind() == io::ErrorKind::Interrupted
            || error.get_ref().is_some_and(|inner| inner.is::<Named>())
        {
            return error;
        }
        let message = format!("cannot {what} {}: {error}", path.display());
        io::Error::new(error.kind(), Named(message))
    }
}

/// The words of an error that says already what it is about.
#[derive(Debug)]
struct Named(String);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Named {}
