//! Asks git for the uncommitted changes of a directory, and says so if git does not tell.

use std::path::Path;
use std::process::Command;

use crate::process::{Capture, Variables};
use crate::units::Deadline;

/// Variables of git that are left to it: where its own programs and settings are, and how it
/// reaches other machines. All others would lead it to another repository or to another answer.
const KEPT: [&str; 10] = [
    "GIT_EXEC_PATH",
    "GIT_CONFIG",
    "GIT_LFS",
    "GIT_SSH",
    "GIT_SSL",
    "GIT_HTTP",
    "GIT_PROXY",
    "GIT_ASKPASS",
    "GIT_ALLOW_PROTOCOL",
    "GIT_TERMINAL_PROMPT",
];

/// Settings that change what git says of a directory. They reach git in submodules as well.
const SETTINGS: [&str; 5] = [
    // A repository can name a monitor, which git would run. A listing must run no program that a
    // repository chooses.
    "core.fsmonitor=false",
    // With `no` new files would not count as changes, and would be deleted with their worktree.
    "status.showUntrackedFiles=normal",
    "status.renames=true",
    "diff.ignoreSubmodules=none",
    // With `true` git would take each file that it checks out for unchanged ever after.
    "core.ignoreStat=false",
];

/// What `git status` is asked. The last word overrides what is set for one submodule.
pub const STATUS: [&str; 4] = ["status", "--porcelain=v1", "-z", "--ignore-submodules=none"];

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

/// Starts `git status` in a directory. Git itself looks for the repository: on a dead network mount
/// that look never ends, and only another process can be left to it.
pub fn start_status(directory: &Path) -> PendingStatus {
    PendingStatus(Capture::start(command(directory).args(STATUS)).ok())
}

/// Git in a directory, told the same whatever the user has set: its output is believed.
pub fn command(directory: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(directory);
    for setting in SETTINGS {
        git.args(["-c", setting]);
    }
    for (name, _) in Variables::of_process().iter() {
        let is_kept = |name: &str| KEPT.iter().any(|kept| name.starts_with(kept));
        if name.to_str().is_some_and(|name| name.starts_with("GIT_") && !is_kept(name)) {
            git.env_remove(name);
        }
    }
    git.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    git
}

impl PendingStatus {
    /// What git says, or that it said nothing until the deadline.
    pub fn wait(self, deadline: Deadline) -> Uncommitted {
        match self.0.and_then(|capture| capture.finish(deadline)) {
            Some(output) => Uncommitted::Known(entries(&output).map(|(_, file)| file).collect()),
            None => Uncommitted::Unknown,
        }
    }
}

/// What [`STATUS`] printed: two letters and a file each.
pub fn entries(output: &[u8]) -> impl Iterator<Item = ([u8; 2], String)> {
    let mut entries = output.split(|byte| *byte == 0);
    std::iter::from_fn(move || {
        let (letters, path) = entries.find_map(|entry| entry.split_at_checked(3))?;
        let letters = [letters[0], letters[1]];
        if letters.iter().any(|side| matches!(side, b'R' | b'C')) {
            // The next entry is the name before the renaming or copying.
            entries.next();
        }
        Some((letters, String::from_utf8_lossy(path).into_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_and_odd_names_are_one_file_each() {
        let output = b" M a b\0R  new\nname\0old\0?? \xffx\0";
        let files: Vec<_> = entries(output).map(|(_, file)| file).collect();
        assert_eq!(files, ["a b", "new\nname", "\u{fffd}x"]);
        assert_eq!(entries(b"").count(), 0);
    }
}
