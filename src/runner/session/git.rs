//! Uncommitted changes, truthfully: what git says, or that git does not tell.

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
    /// Whether there are some; `None` if unknown.
    pub fn dirty(&self) -> Option<bool> {
        match self {
            Uncommitted::Known(files) => Some(!files.is_empty()),
            Uncommitted::Unknown => None,
        }
    }
}

/// A question to git that is being answered while we do something else.
pub struct PendingStatus(Option<Capture>);

/// Asks git about a directory. Where there is no repository nothing is started.
pub fn start_status(directory: &Path) -> PendingStatus {
    let Some(directory) = repository(directory) else {
        return PendingStatus(None);
    };
    let mut git = Command::new("git");
    git.arg("-C").arg(directory);
    // A monitor is a program that the repository names; it is not ours to run.
    git.args(["-c", "core.fsmonitor=false", "status", "--porcelain=v1", "-z"]);
    confine(&mut git);
    PendingStatus(Capture::start(&mut git).ok())
}

/// Keeps git to the directory that it is given: variables of a hook around us would lead it
/// elsewhere.
pub fn confine(git: &mut Command) {
    git.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"] {
        git.env_remove(name);
    }
}

impl PendingStatus {
    /// Git's answer, waited for until the deadline at most.
    pub fn wait(self, deadline: Deadline) -> Uncommitted {
        match self.0.and_then(|capture| capture.finish(deadline)) {
            Some(output) => Uncommitted::Known(files(&output)),
            None => Uncommitted::Unknown,
        }
    }
}

/// The nearest directory upwards with a `.git`, be it a directory or the file of a worktree. All
/// directories below it have one answer.
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
            // The next entry is where it was renamed or copied from.
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
