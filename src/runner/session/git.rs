//! Asks git for the uncommitted changes of a directory, and says so if git does not tell.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Capture;
use crate::units::Deadline;

/// The uncommitted changes of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uncommitted {
    /// The changed files as git names them; empty means clean.
    Known(Vec<String>),
    /// No repository, no git, an error, or no answer in time.
    Unknown,
}

impl Uncommitted {
    /// Whether there are any; `None` if unknown.
    pub fn is_dirty(&self) -> Option<bool> {
        match self {
            Uncommitted::Known(files) => Some(!files.is_empty()),
            Uncommitted::Unknown => None,
        }
    }
}

/// A running `git status`, which works while the caller does something else.
pub struct PendingStatus(Option<Capture>);

/// Starts `git status` in a directory. Outside a repository nothing is started.
pub fn start_status(directory: &Path) -> PendingStatus {
    let Some(directory) = repository(directory) else {
        return PendingStatus(None);
    };
    let mut git = Command::new("git");
    git.arg("-C").arg(directory);
    // A repository can name a monitor, which git would run. A listing must run no program that a
    // repository chooses.
    git.args(["-c", "core.fsmonitor=false", "status", "--porcelain=v1", "-z"]);
    confine(&mut git);
    PendingStatus(Capture::start(&mut git).ok())
}

/// Keeps git to the directory that it is given: the variables of a git hook that runs occtl would
/// lead it to another one.
pub fn confine(git: &mut Command) {
    git.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"] {
        git.env_remove(name);
    }
}

impl PendingStatus {
    /// What git says, or that it said nothing until the deadline.
    pub fn wait(self, deadline: Deadline) -> Uncommitted {
        match self.0.and_then(|capture| capture.finish(deadline)) {
            Some(output) => Uncommitted::Known(files(&output)),
            None => Uncommitted::Unknown,
        }
    }
}

/// The repository that a directory is in: the nearest directory upwards with a `.git`, which in a
/// worktree is a file. `git status` says the same in all directories below it.
pub fn repository(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().find(|place| place.join(".git").exists()).map(Path::to_path_buf)
}

fn files(output: &[u8]) -> Vec<String> {
    let mut files = Vec::new();
    let mut entries = output.split(|byte| *byte == 0);
    while let Some(entry) = entries.next() {
        let Some((status, path)) = entry.split_at_checked(3) else { continue };
        files.push(String::from_utf8_lossy(path).into_owned());
        if status[..2].iter().any(|side| matches!(side, b'R' | b'C')) {
            // The next entry is the name before the renaming or copying.
            entries.next();
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_and_odd_names_are_one_file_each() {
        let output = b" M a b\0R  new\nname\0old\0?? \xffx\0";
        assert_eq!(files(output), ["a b", "new\nname", "\u{fffd}x"]);
        assert!(files(b"").is_empty());
    }
}
