//! The plan and the task that `bench init` writes: small, and good to run as they are.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
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
/// the work of a day.
pub fn write(directory: &Path) -> Result<Vec<PathBuf>> {
    let paths: Vec<PathBuf> = FILES.iter().map(|(name, ..)| directory.join(name)).collect();
    if let Some(there) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        let message = format!("{} is there already; nothing was written", there.display());
        return Err(Error::usage(message).hint("name another directory: occtl bench init DIR"));
    }
    for (path, (_, mode, text)) in paths.iter().zip(FILES) {
        create(path, mode, text).map_err(|error| {
            Error::failed(format!("{} cannot be written: {error}", path.display()))
        })?;
    }
    Ok(paths)
}

fn create(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
    fs::create_dir_all(parent)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
