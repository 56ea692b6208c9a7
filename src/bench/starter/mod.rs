//! The plan and the task that `bench init` writes: small, and good to run as they are.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file below the directory, its mode, and its text.
const FILES: [(&str, u32, &str); 7] = [
    ("plan.json", 0o666, include_str!("files/plan.json")),
    ("README.md", 0o666, include_str!("files/README.md")),
    ("tasks/leap/task.json", 0o666, include_str!("files/task.json")),
    ("tasks/leap/instruction.md", 0o666, include_str!("files/instruction.md")),
    ("tasks/leap/files/leap.sh", 0o777, include_str!("files/files/leap.sh")),
    ("tasks/leap/hidden/check.sh", 0o777, include_str!("files/hidden/check.sh")),
    ("tasks/leap/solution/leap.sh", 0o777, include_str!("files/solution/leap.sh")),
];

/// Writes the files, and tells their paths. If one of them is there, nothing is written: it may be
/// the work of a day. If one cannot be written, nothing stays, or a second try would be refused.
pub fn write(directory: &Path) -> Result<Vec<PathBuf>> {
    let paths: Vec<PathBuf> = FILES.iter().map(|(name, ..)| directory.join(name)).collect();
    if let Some(there) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        let message = format!("{} is there already; nothing was written", there.display());
        return Err(Error::usage(message).hint("name another directory: occtl bench init DIR"));
    }
    let mut made = Made::default();
    for (path, (_, mode, text)) in paths.iter().zip(FILES) {
        if let Err(error) = made.create(path, mode, text) {
            made.remove();
            return Err(Error::failed(format!("{} cannot be written: {error}", path.display())));
        }
    }
    Ok(paths)
}

/// What was made so far, in its order.
#[derive(Default)]
struct Made {
    directories: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Made {
    fn create(&mut self, path: &Path, mode: u32, text: &str) -> io::Result<()> {
        let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
        self.create_directory(parent)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        self.files.push(path.into());
        file.write_all(text.as_bytes())
    }

    /// Makes a directory with those above it. One that another process makes meanwhile is its own.
    fn create_directory(&mut self, directory: &Path) -> io::Result<()> {
        let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.is_dir();
        let missing: Vec<&Path> = directory.ancestors().take_while(missing).collect();
        for path in missing.into_iter().rev() {
            match fs::create_dir(path) {
                Ok(()) => self.directories.push(path.into()),
                Err(_) if path.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes it again. What cannot be removed stays: the error that led here says more. A
    /// directory into which another program has written stays as well.
    fn remove(self) {
        for file in self.files {
            let _ = fs::remove_file(file);
        }
        for directory in self.directories.into_iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    #[test]
    fn the_check_of_the_task_fails_on_its_files_and_passes_with_its_solution() {
        let root = std::env::temp_dir().join(format!("occtl-starter-{}", crate::random::id()));
        let files = write(&root).unwrap();
        assert_eq!(files.len(), FILES.len());
        let task = root.join("tasks/leap");
        let check = |tree: &str| {
            let check = task.join("hidden/check.sh");
            Command::new(check).current_dir(task.join(tree)).output().unwrap()
        };
        let failed = check("files");
        assert_eq!(failed.status.code(), Some(1));
        assert_eq!(failed.stdout, b"leap.sh 1900 printed 'yes' and not 'no'\n");
        assert!(check("solution").status.success());
        let error = write(&root).unwrap_err();
        assert_eq!(error.code.exit(), 2);
        assert!(error.message.ends_with("plan.json is there already; nothing was written"));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn what_was_made_before_a_file_that_cannot_be_written_does_not_stay() {
        let root = std::env::temp_dir().join(format!("occtl-starter-{}", crate::random::id()));
        fs::create_dir(&root).unwrap();
        // The parent of some of the files is no directory, and is found after others were made.
        symlink("/dev/null", root.join("null")).unwrap();
        fs::create_dir_all(root.join("there/tasks/leap")).unwrap();
        symlink("/dev/null", root.join("there/tasks/leap/hidden")).unwrap();
        let error = write(&root.join("there")).unwrap_err();
        assert!(error.message.contains("hidden/check.sh cannot be written"), "{}", error.message);
        let left = |path: &str| fs::read_dir(root.join(path)).unwrap().count();
        assert_eq!((left("there"), left("there/tasks/leap")), (1, 1), "what was there stays");
        assert!(write(&root.join("null/new")).is_err());
        write(&root.join("new/and/deeper")).unwrap();
        fs::remove_dir_all(root).unwrap();
    }
}
