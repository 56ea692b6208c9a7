//! A directory that appears only when all of it is written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// A directory that is being written beside its final place. If [`NewFolder::finish`] is never
/// called, nothing of it is left.
pub struct NewFolder {
    target: PathBuf,
    partial: PathBuf,
}

/// A file of it.
pub struct NewFile<'a> {
    folder: &'a NewFolder,
    writer: BufWriter<File>,
}

impl NewFolder {
    /// Begins one. What is there already is never touched.
    pub fn create(target: &Path) -> Result<NewFolder> {
        // `out/` is `out`.
        let target: PathBuf = target.components().collect();
        let shown = target.display();
        if fs::symlink_metadata(&target).is_ok() {
            return Err(exists(&target));
        }
        let Some(name) = target.file_name() else {
            return Err(Error::usage(format!("{shown} cannot be made")));
        };
        // The additions must not make a long name too long for the file system.
        let name: String = name.to_string_lossy().chars().take(40).collect();
        let random = crate::random::id().simple();
        let partial = target.with_file_name(format!(".{name}.{random}.partial"));
        fs::create_dir(&partial).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::not_found(format!("cannot create {shown}: {error}"))
                .hint("its directory must exist already"),
            _ => Error::failed(format!("cannot create {shown}: {error}")),
        })?;
        Ok(NewFolder { target, partial })
    }

    /// A new file below it, with the directories above it.
    pub fn file(&self, name: &str) -> Result<NewFile<'_>> {
        let path = self.partial.join(name);
        let create = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.partial))?;
            File::create_new(&path)
        };
        let file = create().map_err(|error| self.unwritten(&error))?;
        Ok(NewFile { folder: self, writer: BufWriter::with_capacity(1 << 16, file) })
    }

    /// Writes a whole file.
    pub fn put(&self, name: &str, text: &str) -> Result<()> {
        let mut file = self.file(name)?;
        file.write(text)?;
        file.finish()
    }

    /// Where a file of it will be, as an absolute path.
    pub fn place(&self, name: &str) -> PathBuf {
        let place = self.target.join(name);
        std::path::absolute(&place).unwrap_or(place)
    }

    /// Moves it to its final place.
    pub fn finish(self) -> Result<()> {
        // What a delayed write lacks room for is told by the next call; a file system that cannot
        // do it tells it when a file is closed.
        let stored = File::open(&self.partial).map(|file| syncfs(&file));
        if let Ok(Err(error @ (Errno::NOSPC | Errno::IO | Errno::DQUOT))) = stored {
            return Err(self.unwritten(&error.into()));
        }
        match renameat_with(CWD, &self.partial, CWD, &self.target, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => return Err(exists(&self.target)),
            // Not every file system can refuse to replace.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            Err(error) => return Err(self.unwritten(&error.into())),
        }
        if fs::symlink_metadata(&self.target).is_ok() {
            return Err(exists(&self.target));
        }
        fs::rename(&self.partial, &self.target).map_err(|error| self.unwritten(&error))
    }

    fn unwritten(&self, error: &io::Error) -> Error {
        Error::failed(format!("cannot write {}: {error}", self.target.display()))
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // After `finish` it is not there any more.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

impl NewFile<'_> {
    /// Adds text.
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.writer.write_all(text.as_bytes()).map_err(|error| self.folder.unwritten(&error))
    }

    /// Adds a value as JSON.
    pub fn json(&mut self, value: &serde_json::Value) -> Result<()> {
        let plain: &mut dyn Write = &mut self.writer;
        let written = serde_json::to_writer(plain, value).map_err(io::Error::from);
        written.map_err(|error| self.folder.unwritten(&error))
    }

    /// Adds all that can be read.
    pub fn copy(&mut self, from: &mut dyn io::Read) -> Result<()> {
        let copied = io::copy(from, &mut self.writer).map(drop);
        copied.map_err(|error| self.folder.unwritten(&error))
    }

    /// Writes what is still in memory.
    pub fn finish(mut self) -> Result<()> {
        self.writer.flush().map_err(|error| self.folder.unwritten(&error))
    }
}

fn exists(target: &Path) -> Error {
    let shown = target.display();
    Error::usage(format!("{shown} exists already")).hint("an export needs a directory of its own")
}
