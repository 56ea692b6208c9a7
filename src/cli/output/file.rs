//! A file that appears only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that is being written. What was there before stays until [`NewFile::finish`]. If that is
/// never called, nothing of the new file is left behind.
pub struct NewFile {
    shown: PathBuf,
    /// The temporary file and its final path; `None` for a device or a pipe, which is written
    /// directly.
    rename: Option<(PathBuf, PathBuf)>,
    writer: BufWriter<File>,
}

impl NewFile {
    /// Creates a temporary file in the directory of the file that it will replace.
    pub fn create(path: &Path) -> Result<NewFile> {
        let failed = |error: io::Error| trouble(path, &error);
        // The file that a link points to is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let kind = fs::metadata(&target).map(|data| data.file_type());
        if kind.as_ref().is_ok_and(|kind| kind.is_dir()) {
            return Err(Error::failed(format!("{} is a directory", path.display())));
        }
        if kind.is_ok_and(|kind| !kind.is_file()) {
            let file = File::options().write(true).open(&target).map_err(failed)?;
            let writer = BufWriter::new(file);
            return Ok(NewFile { shown: path.into(), rename: None, writer });
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // The additions must not make a long name too long for the file system.
        let name: String = name.chars().take(40).collect();
        // In a directory that others can write to, a name that can be guessed could be prepared: as
        // a link, what it points to would be overwritten.
        let random = crate::random::id().simple();
        let temporary = target.with_file_name(format!(".{name}.{random}.partial"));
        let file = File::create_new(&temporary).map_err(failed)?;
        if let Ok(data) = fs::metadata(&target) {
            // Users who could not read the old file must not be able to read the new one.
            let _ = file.set_permissions(data.permissions());
        }
        let rename = Some((temporary, target));
        Ok(NewFile { shown: path.into(), rename, writer: BufWriter::new(file) })
    }

    /// Adds text.
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.writer.write_all(text.as_bytes()).map_err(|error| trouble(&self.shown, &error))
    }

    /// Moves the file to its final path, and gives the path as the caller wrote it.
    pub fn finish(mut self) -> Result<PathBuf> {
        let failed = |error: io::Error| trouble(&self.shown, &error);
        self.writer.flush().map_err(failed)?;
        if let Some((temporary, target)) = &self.rename {
            self.writer.get_ref().sync_all().map_err(failed)?;
            fs::rename(temporary, target).map_err(failed)?;
            self.rename = None;
        }
        Ok(std::mem::take(&mut self.shown))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.rename {
            let _ = fs::remove_file(temporary);
        }
    }
}

fn trouble(path: &Path, error: &io::Error) -> Error {
    let what = format!("cannot write {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::NotFound => Error::not_found(what).hint("its directory must exist already"),
        _ => Error::failed(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_complete() {
        let directory = std::env::temp_dir().join(format!("occtl-file-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("out");
        fs::write(&path, "old").unwrap();
        let mut file = NewFile::create(&path).unwrap();
        file.write("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(file);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "nothing is left of it");
        let mut file = NewFile::create(&path).unwrap();
        file.write("new").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        let missing = NewFile::create(&directory.join("no/out")).err().unwrap();
        assert_eq!(missing.code.exit(), 3);
        assert_eq!(NewFile::create(&directory).err().unwrap().code.exit(), 1);
        let mut full = NewFile::create(Path::new("/dev/full")).unwrap();
        full.write("x").unwrap();
        assert_eq!(full.finish().unwrap_err().code.exit(), 1);
        fs::remove_dir_all(&directory).unwrap();
    }
}
