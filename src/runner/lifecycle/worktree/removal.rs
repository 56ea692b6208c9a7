//! Removes worktrees, and only those with which no work is lost.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use super::git::Limits;
use super::{PLACE, has_branch};
use crate::error::{Error, Result};
use crate::runner::session::git::{STATUS, entries};
use crate::store::Worktree;
use crate::units::Deadline;

/// Removing a worktree removes every file of it.
const REMOVAL_LIMIT: Duration = Duration::from_secs(120);

/// How many ignored files are named before they are removed.
const NAMED: usize = 10;

/// An error unless the worktree can be removed without losing work. What is lost all the same,
/// because git was told to ignore it, is returned.
pub fn check_removable(worktree: &Worktree) -> Result<Vec<String>> {
    let path = Path::new(&worktree.path);
    let mut ignored = Vec::new();
    // A worktree that was removed by hand holds nothing; its branch may.
    if path.exists() {
        check_files(path, &mut ignored)?;
    }
    // Git does not see those, and would remove them with whatever they hold.
    if fs::read_dir(path.join(PLACE)).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::failed(format!("{} holds worktrees of its own", worktree.path))
            .hint("remove those first"));
    }
    // They are named as one, and there are none.
    ignored.retain(|file| !file.starts_with(".occtl/"));
    check_commits(worktree).map(|()| ignored)
}

/// An error unless all files of a work tree are in its repository or ignored. The ignored ones are
/// added to a list.
fn check_files(tree: &Path, ignored: &mut Vec<String>) -> Result<()> {
    let shown = tree.display();
    let ask = |words: &[&str]| {
        let unknown = || format!("git cannot tell what {shown} holds");
        Limits::short().run(tree, words).map_err(|failed| failed.error(&unknown()))
    };
    let status = ask(&[&STATUS[..], &["--ignored=traditional"]].concat())?;
    let (left_out, changed): (Vec<_>, Vec<_>) =
        entries(&status).partition(|(letters, _)| letters == b"!!");
    if !changed.is_empty() {
        let count = changed.len();
        return Err(Error::failed(format!("{shown} holds {count} uncommitted changes"))
            .hint("commit or discard them first"));
    }
    ignored.extend(left_out.into_iter().map(|(_, file)| file));
    // With these marks git does not look at the file. `S` means as well that it is not checked out.
    let marked = ask(&["ls-files", "-v", "-z"])?;
    let unseen = |entry: &&[u8]| match entry {
        [b'S', b' ', name @ ..] => tree.join(std::ffi::OsStr::from_bytes(name)).exists(),
        [letter, b' ', ..] => letter.is_ascii_lowercase(),
        _ => false,
    };
    let count = marked.split(|byte| *byte == 0).filter(unseen).count();
    if count > 0 {
        return Err(Error::failed(format!(
            "{shown} holds {count} files that git was told not to look at"
        ))
        .hint("git update-index --no-assume-unchanged --no-skip-worktree shows their changes"));
    }
    let staged = ask(&["ls-files", "-s", "-z"])?;
    for entry in staged.split(|byte| *byte == 0).filter(|entry| entry.starts_with(b"160000 ")) {
        let Some(name) = entry.splitn(2, |byte| *byte == b'\t').nth(1) else { continue };
        let submodule = tree.join(std::ffi::OsStr::from_bytes(name));
        if submodule.join(".git").exists() {
            check_submodule(&submodule, ignored)?;
        }
    }
    Ok(())
}

/// The same for a submodule. Its repository is removed as well, so each commit has to be on the
/// branch of another one.
fn check_submodule(submodule: &Path, ignored: &mut Vec<String>) -> Result<()> {
    let shown = submodule.display();
    let mut within = Vec::new();
    check_files(submodule, &mut within)?;
    ignored.extend(within.iter().map(|file| format!("{shown}/{file}")));
    let limits = Limits::short();
    let stash = ["rev-parse", "--verify", "--quiet", "refs/stash"];
    if limits.run(submodule, &stash).is_ok() {
        return Err(Error::failed(format!("submodule {shown} holds a stash"))
            .hint("git stash pop it first, or leave the worktree"));
    }
    let words = ["rev-list", "--count", "HEAD", "--branches", "--tags", "--not", "--remotes"];
    match limits.line(submodule, &words) {
        Ok(count) if count == "0" => Ok(()),
        Ok(count) => Err(Error::failed(format!(
            "submodule {shown} has {count} commits that are on no branch of another repository"
        ))
        .hint("git push them first, or leave the worktree")),
        Err(failed) => Err(failed.error(&format!("git cannot tell what {shown} holds"))),
    }
}

/// An error if commits of the worktree are on no other branch.
fn check_commits(worktree: &Worktree) -> Result<()> {
    let path = Path::new(&worktree.path);
    let branch = format!("refs/heads/{}", worktree.branch);
    let repository = Path::new(&worktree.repository);
    // Git wants it without refs/heads here, and excludes nothing otherwise.
    let exclude = format!("--exclude={}", worktree.branch);
    let mut words = vec!["rev-list", "--count"];
    if has_branch(repository, &worktree.branch) {
        words.push(&branch);
    }
    let mut place = repository;
    if path.exists() {
        // What is checked out need not be on the branch, nor on any.
        place = path;
        words.push("HEAD");
    }
    if words.len() == 2 {
        return Ok(());
    }
    words.extend(["--not", &exclude, "--branches", "--remotes", "--tags"]);
    let shown = format!("worktree {} (branch {})", worktree.path, worktree.branch);
    match Limits::short().line(place, &words) {
        Ok(count) if count == "0" => Ok(()),
        Ok(count) => {
            Err(Error::failed(format!("{shown} has {count} commits that are nowhere else"))
                .hint("git merge them first, or leave the worktree"))
        }
        Err(failed) => Err(failed.error(&format!("git cannot tell what {shown} holds"))),
    }
}

/// Says which ignored files go with a worktree.
pub fn name_ignored(worktree: &Worktree, ignored: &[String], say: fn(&str)) {
    if ignored.is_empty() {
        return;
    }
    let mut names = ignored[..ignored.len().min(NAMED)].join(", ");
    if ignored.len() > NAMED {
        names += &format!(" and {} more", ignored.len() - NAMED);
    }
    say(&format!("with worktree {} go files that git ignores: {names}", worktree.path));
}

/// Removes worktree and branch. Call [`check_removable`] first.
pub fn remove(worktree: &Worktree) -> Result<()> {
    let Worktree { repository, path, branch, .. } = worktree;
    let repository = Path::new(repository);
    let limits = Limits { deadline: Deadline::after(REMOVAL_LIMIT), signals: None };
    let what = format!("git cannot remove the worktree {path}");
    if Path::new(path).exists() {
        // Without --force git refuses by itself if a file was changed since our check, but it
        // refuses every worktree with a submodule as well.
        let mut words = vec!["worktree", "remove"];
        if has_submodules(Path::new(path)) {
            words.push("--force");
        }
        words.push(path);
        limits.run(repository, &words).map_err(|failed| failed.error(&what))?;
    }
    let _ = limits.run(repository, &["worktree", "prune"]);
    // Only if they are empty.
    let parents = Path::new(path).ancestors().skip(1).take(2);
    parents.for_each(|parent| drop(fs::remove_dir(parent)));
    if has_branch(repository, branch) {
        let words = ["branch", "--quiet", "-D", branch];
        let what = format!("git cannot remove the branch {branch}");
        limits.run(repository, &words).map_err(|failed| failed.error(&what))?;
    }
    Ok(())
}

fn has_submodules(tree: &Path) -> bool {
    let staged = Limits::short().run(tree, &["ls-files", "-s", "-z"]).unwrap_or_default();
    staged.split(|byte| *byte == 0).any(|entry| entry.starts_with(b"160000 "))
}

/// Removes the worktree of a session that never ran: it was made with it, so no work is lost.
/// What cannot be removed is named.
pub fn sweep(worktree: &Worktree, say: fn(&str)) {
    if worktree.reused {
        return;
    }
    if let Err(error) = check_removable(worktree).and_then(|_| remove(worktree)) {
        say(&format!("worktree {} stays: {}", worktree.path, error.message));
    }
}
