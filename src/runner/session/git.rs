//! Asks git for the uncommitted changes of a directory, and says so if git does not tell.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
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

/// A question to git for its settings in a directory, which comes before `git status`.
pub struct Settings {
    directory: PathBuf,
    listing: Option<Capture>,
}

/// A running `git status`, which works while the caller does something else.
pub struct PendingStatus(Option<Capture>);

/// Asks for the settings in a directory. Git itself looks for the repository: on a dead network
/// mount that look never ends, and only another process can be left to it.
pub fn start(directory: &Path) -> Settings {
    let words = ["config", "--list", "--includes", "--show-scope", "-z"];
    let listing = Capture::start(command(directory).args(words)).ok();
    Settings { directory: directory.into(), listing }
}

impl Settings {
    /// Starts `git status` without the filters that the repository names itself: each is a program
    /// that git would run for a changed file.
    pub fn start_status(self, deadline: Deadline) -> PendingStatus {
        let settings = self.listing.and_then(|listing| listing.finish(deadline));
        PendingStatus(settings.and_then(|settings| {
            let mut git = command(&self.directory);
            leave_out(&mut git, &filters(&settings));
            // Neither does git ask a server that the repository names for objects that it lacks.
            git.env("GIT_NO_LAZY_FETCH", "1");
            Capture::start(git.args(STATUS)).ok()
        }))
    }
}

/// The settings that name a filter's program and come from the repository, out of `git config`'s
/// list: scope, name and value, where a zero byte follows the scope and the value.
fn filters(settings: &[u8]) -> BTreeSet<String> {
    let mut words = settings.split(|byte| *byte == 0);
    let mut found = BTreeSet::new();
    while let (Some(scope), Some(setting)) = (words.next(), words.next()) {
        let name = setting.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        let is_program = name.ends_with(".clean") || name.ends_with(".process");
        let is_own = matches!(scope, b"local" | b"worktree");
        if is_own && is_program && name.starts_with("filter.") {
            found.insert(name.into_owned());
        }
    }
    found
}

/// Makes settings empty for one git. By variables, because a name with `=` is no word for `-c`.
fn leave_out(git: &mut Command, names: &BTreeSet<String>) {
    let given = Variables::of_process();
    let count = given.get("GIT_CONFIG_COUNT").and_then(|count| count.to_str()?.parse().ok());
    let count: usize = count.unwrap_or(0);
    for (number, name) in (count..).zip(names) {
        git.env(format!("GIT_CONFIG_KEY_{number}"), name);
        git.env(format!("GIT_CONFIG_VALUE_{number}"), "");
    }
    if !names.is_empty() {
        git.env("GIT_CONFIG_COUNT", (count + names.len()).to_string());
    }
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

    #[test]
    fn only_the_programs_that_a_repository_names_are_left_out() {
        let listed = b"global\0filter.lfs.clean\nlfs\0local\0filter.a=b.clean\nrm\n-rf\0\
                       local\0core.bare\nno\0worktree\0filter.x.process\0local\0f.y.smudge\nz\0";
        let expected = ["filter.a=b.clean", "filter.x.process"];
        assert!(filters(listed).iter().eq(&expected), "{:?}", filters(listed));
    }
}
