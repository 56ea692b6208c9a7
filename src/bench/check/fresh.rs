//! Brings an answer, or a solution, into a fresh copy of the task.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::bench::glob;
use crate::bench::site::{Site, Trouble, TroubleKind};
use crate::bench::workspace::lay::{Lay, clear, make_parents};
use crate::bench::workspace::links::leaves;
use crate::bench::workspace::{Answer, Now};

/// The paths of a task that no answer changes.
pub struct Protected<'a> {
    site: &'a Site<'a>,
    /// The check itself, where the template has it.
    pub check: Option<PathBuf>,
}

impl<'a> Protected<'a> {
    /// The protected paths of a task.
    pub fn of(site: &'a Site<'a>, check: Option<PathBuf>) -> Protected<'a> {
        Protected { site, check }
    }

    fn has(&self, path: &Path) -> bool {
        let bytes = path.as_os_str().as_bytes();
        // What the agent must not see is also not for it to replace.
        glob::covers(&self.site.task.protect, bytes)
            || glob::covers(&self.site.task.hide, bytes)
            || self.check.as_ref().is_some_and(|check| path == check)
    }

    /// Whether a path or anything below it is there and protected.
    fn has_within(&self, root: &Path, path: &Path) -> bool {
        let mut open = vec![path.to_path_buf()];
        while let Some(path) = open.pop() {
            if self.has(&path) {
                return true;
            }
            let whole = root.join(&path);
            if fs::symlink_metadata(&whole).is_ok_and(|about| about.is_dir()) {
                let entries = fs::read_dir(&whole).into_iter().flatten().flatten();
                open.extend(entries.map(|entry| path.join(entry.file_name())));
            }
        }
        false
    }
}

/// Puts the files of an answer into a tree, and says what it dropped. Deletions come first: a
/// file may stand where a directory was.
pub fn put(
    site: &Site,
    answer: &Answer,
    tree: &Path,
    protected: &Protected,
) -> Result<Vec<String>, Trouble> {
    let written = tree.with_file_name("answer");
    let mut notes = Vec::new();
    let mut drop = |path: &Path, why: &str| notes.push(format!("{path:?} dropped: {why}"));
    let mut act = || -> io::Result<Result<(), Trouble>> {
        clear(&written)?;
        fs::create_dir(&written)?;
        if let Err(trouble) = answer.write(site, &written) {
            return Ok(Err(trouble));
        }
        for entry in answer.entries.iter().filter(|entry| entry.now == Now::Gone) {
            match protected.has(&entry.path) {
                true => drop(&entry.path, "it is protected and stays"),
                false => delete(tree, &entry.path)?,
            }
        }
        let mut links = Vec::new();
        for entry in answer.entries.iter().filter(|entry| entry.now != Now::Gone) {
            let onto = tree.join(&entry.path);
            let is_kept = |path: &Path| protected.has(path);
            if protected.has_within(tree, &entry.path)
                || !make_parents(tree, &entry.path, &is_kept)?
            {
                drop(&entry.path, "it is protected");
                continue;
            }
            clear(&onto)?;
            fs::rename(written.join(&entry.path), &onto)?;
            if entry.now == Now::Link {
                links.push(&entry.path);
            }
        }
        for path in links {
            if leaves(tree, path) {
                clear(&tree.join(path))?;
                drop(path, "the link leaves the tree");
            }
        }
        clear(&written)?;
        Ok(Ok(()))
    };
    let failed = Trouble::because(TroubleKind::Check, "the answer cannot be put into a copy");
    act().map_err(failed)??;
    Ok(notes)
}

/// Lays the files of a directory over a tree.
pub fn lay_over(site: &Site, from: &Path, tree: &Path) -> Result<(), Trouble> {
    let lay = Lay { is_left_out: &|path| path == b".git", is_stopped: site.is_stopped };
    let what = format!("{} cannot be laid over", from.display());
    lay.over(from, tree).map_err(Trouble::because(TroubleKind::Check, &what))
}

/// Removes a file, and the directories that are empty without it.
fn delete(tree: &Path, path: &Path) -> io::Result<()> {
    // Nothing is reached through a link.
    let is_link = |inner: &Path| tree.join(inner).is_symlink();
    if path.ancestors().skip(1).any(|above| above != Path::new("") && is_link(above)) {
        return Ok(());
    }
    match fs::remove_file(tree.join(path)) {
        Ok(()) => {}
        // It is no file here, or it is not here.
        Err(_) => return Ok(()),
    }
    for above in path.ancestors().skip(1).filter(|above| *above != Path::new("")) {
        if fs::remove_dir(tree.join(above)).is_err() {
            break;
        }
    }
    Ok(())
}
