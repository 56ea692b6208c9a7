//! The directory that an import makes: it appears when it is complete.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::bench::workspace;
use crate::error::{Error, Result};

/// A directory that is being made beside its later place. Nothing of it stays if it is never
/// finished.
pub struct Output {
    partial: PathBuf,
    target: PathBuf,
}

impl Output {
    /// Begins one, whose place must be free.
    pub fn begin(target: &Path, source: &Path) -> Result<Output> {
        if target.symlink_metadata().is_ok() {
            return Err(taken(target));
        }
        let Some(name) = target.file_name() else {
            return Err(Error::usage(format!("{} is no name of a directory", target.display())));
        };
        let parent = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        // Its own tasks would be found in it, or copied into themselves.
        let outer = parent.ancestors().find_map(|path| {
            fs::canonicalize(if path == Path::new("") { Path::new(".") } else { path }).ok()
        });
        let inner = fs::canonicalize(source).ok();
        if let (Some(outer), Some(inner)) = (outer, inner)
            && inner.is_dir()
            && outer.starts_with(&inner)
        {
            let message = format!("{} lies within {}", target.display(), source.display());
            return Err(Error::usage(message).hint("name a directory outside of it with -o"));
        }
        let failed = |error: std::io::Error| {
            Error::failed(format!("{} cannot be written: {error}", target.display()))
        };
        fs::create_dir_all(parent).map_err(failed)?;
        let short: String = name.to_string_lossy().chars().take(40).collect();
        let random = crate::random::id().simple();
        let partial = parent.join(format!(".{short}.{random}.partial"));
        fs::create_dir(&partial).map_err(failed)?;
        let output = Output { partial, target: target.into() };
        fs::create_dir(output.partial.join("tasks")).map_err(failed)?;
        Ok(output)
    }

    /// Where a file of it is for now.
    pub fn path(&self, name: &str) -> PathBuf {
        self.partial.join(name)
    }

    /// Where a task is for now.
    pub fn task(&self, id: &str) -> PathBuf {
        self.partial.join("tasks").join(id)
    }

    /// An error with the names that files would have had in the end: what is named otherwise is
    /// removed by the time that it is read.
    pub fn told(&self, mut error: Error) -> Error {
        let partial = self.partial.display().to_string();
        error.message = error.message.replace(&partial, &self.target.display().to_string());
        error
    }

    /// Removes what there is of a task.
    pub fn drop_task(&self, id: &str) -> Result<()> {
        workspace::remove(&self.task(id)).map_err(|error| {
            Error::failed(format!("half of a task cannot be removed again: {error}"))
        })
    }

    /// Moves it to its place, and tells that. What came there meanwhile stays.
    pub fn finish(self) -> Result<PathBuf> {
        let moved =
            match renameat_with(CWD, &self.partial, CWD, &self.target, RenameFlags::NOREPLACE) {
                // Not every file system can do it in one step.
                Err(Errno::INVAL | Errno::NOSYS) if self.target.symlink_metadata().is_err() => {
                    fs::rename(&self.partial, &self.target)
                }
                moved => moved.map_err(Into::into),
            };
        moved.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(&self.target),
            _ => Error::failed(format!("{} cannot be written: {error}", self.target.display())),
        })?;
        Ok(self.target.clone())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // After it was moved nothing is there any more.
        let _ = workspace::remove(&self.partial);
    }
}

fn taken(target: &Path) -> Error {
    let message = format!("{} is there already; nothing was written", target.display());
    Error::usage(message).hint("name a new directory with -o")
}
