//! The answer: what an agent changed since the first commit.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::base::{Base, add, list, path_of};
use super::git::{Git, line};
use super::lay;
use super::walk::{Walk, walk};
use crate::bench::glob;
use crate::bench::site::{Site, Trouble, TroubleKind};
use crate::sorting;

/// How many names a note tells.
const NAMED: usize = 3;

/// What an agent changed: only the files that the task's `answer` names.
pub struct Answer {
    /// The changes as a patch of git with binary files, below the run's directory.
    pub patch: PathBuf,
    /// Lines.
    pub added: u64,
    /// Lines.
    pub removed: u64,
    /// What was left out, in words.
    pub notes: Vec<String>,
    /// The changes, one a path.
    pub entries: Vec<Entry>,
    /// The tree with the changes, as git names it.
    tree: String,
}

/// What became of a path.
pub struct Entry {
    /// Relative to the tree; any bytes.
    pub path: PathBuf,
    /// What is there now.
    pub now: Now,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// Nothing.
    Gone,
    /// A file.
    File,
    /// A link.
    Link,
}

impl Answer {
    /// Writes the files and links of the answer below an empty directory.
    pub fn write(&self, site: &Site, onto: &Path) -> Result<(), Trouble> {
        let there = self.entries.iter().filter(|entry| entry.now != Now::Gone);
        let names: Vec<&[u8]> = there.map(|entry| entry.path.as_os_str().as_bytes()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let git = Git::beside(site, onto, &site.scratch.join("repo.git/objects"));
        git.lay_out()?;
        git.run(&["read-tree", &self.tree], b"")?;
        git.run(&["checkout-index", "--quiet", "-z", "--stdin"], &list(&names)).map(drop)
    }
}

/// Takes the answer out of the agent's tree.
pub fn take(site: &Site, base: &Base) -> Result<Answer, Trouble> {
    let git = Git::of(site, &site.tree());
    base.restore(&git)?;
    // An agent may have removed its tree, or put a link in its place.
    lay::make_parents(site.scratch, Path::new("agent/tree/x"), &|_| false)
        .map_err(Trouble::because(TroubleKind::Setup, "cannot look at the agent's tree"))?;
    let Walk { files, odd, .. } = walk(&git.tree);
    let is_named =
        |path: &[u8]| site.task.answer.is_empty() || glob::covers(&site.task.answer, path);
    let mut notes = Vec::new();
    note(&mut notes, "neither files nor links", &odd);
    let is_old = |path: &Vec<u8>| base.files.binary_search(path).is_ok();
    let mut present: Vec<Vec<u8>> = files.into_iter().filter(|path| is_named(path)).collect();
    if site.task.answer.is_empty() {
        let new: Vec<Vec<u8>> = present.iter().filter(|path| !is_old(path)).cloned().collect();
        let ignored = base.ignores(site, &new)?;
        present.retain(|path| !ignored.contains(path));
        let known = |path: &PathBuf| base.ignored.binary_search(path).is_ok();
        let mut left: Vec<PathBuf> = ignored.iter().map(|path| path_of(path).into()).collect();
        left.retain(|path| !known(path));
        sorting::sort(&mut left);
        note(&mut notes, "ignored by git and not named by answer", &left);
    }
    let gone: Vec<&Vec<u8>> = base.files.iter().filter(|path| is_named(path)).collect();
    let gone: Vec<_> =
        gone.into_iter().filter(|path| present.binary_search(path).is_err()).collect();
    if !gone.is_empty() {
        git.run(&["update-index", "--force-remove", "-z", "--stdin"], &list(&gone))?;
    }
    add(&git, &present)?;
    Ok(Answer { notes, ..compare(site, &git, base)? })
}

/// Takes an answer that was stored as a patch.
pub fn read(site: &Site, base: &Base, patch: &Path) -> Result<Answer, Trouble> {
    let git = Git::of(site, &site.tree());
    base.restore(&git)?;
    let text = std::fs::read(patch)
        .map_err(Trouble::because(TroubleKind::Check, "the stored answer cannot be read"))?;
    if !text.is_empty() {
        let words = ["apply", "--cached", "--binary", "--whitespace=nowarn", "-"];
        git.run(&words, &text).map_err(|trouble| {
            let why = trouble.message;
            let message = format!("the stored answer no longer fits the task's template: {why}");
            Trouble::new(TroubleKind::Check, message)
        })?;
    }
    compare(site, &git, base)
}

/// What is different between the first commit and the index.
fn compare(site: &Site, git: &Git, base: &Base) -> Result<Answer, Trouble> {
    let patch = site.scratch.join("answer.patch");
    let mut answer = Answer {
        patch,
        added: 0,
        removed: 0,
        notes: Vec::new(),
        entries: Vec::new(),
        tree: line(&git.run(&["write-tree"], b"")?),
    };
    if answer.tree == base.tree {
        std::fs::write(&answer.patch, "")
            .map_err(Trouble::because(TroubleKind::Setup, "cannot write the answer"))?;
        return Ok(answer);
    }
    // Git shows a renamed file as one that is gone and one that is new, and asks no program how.
    let diff = ["diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv"];
    let trees = [base.tree.as_str(), answer.tree.as_str()];
    let listing = [&diff[..], &["--raw", "--numstat", "-z"], &trees].concat();
    let full = [&diff[..], &["-p", "--binary", "--full-index", "--no-color"], &trees].concat();
    let listing = git.run(&listing, b"")?;
    git.run_into(&full, &answer.patch)?;
    parse(&listing, &mut answer);
    Ok(answer)
}

/// Reads what `diff-tree --raw --numstat -z` printed: `:MODE MODE ID ID LETTER`, path, and then
/// `ADDED TAB REMOVED TAB PATH`, with `-` for binary files.
fn parse(output: &[u8], answer: &mut Answer) {
    let mut pieces = output.split(|byte| *byte == 0).filter(|piece| !piece.is_empty());
    while let Some(piece) = pieces.next() {
        let text = String::from_utf8_lossy(piece);
        if let Some(about) = text.strip_prefix(':') {
            let fields: Vec<&str> = about.split(' ').collect();
            let (Some(path), [_, mode, ..]) = (pieces.next(), &fields[..]) else { return };
            let now = match *mode {
                "100644" | "100755" => Now::File,
                "120000" => Now::Link,
                _ => Now::Gone,
            };
            answer.entries.push(Entry { path: path_of(path).into(), now });
        } else {
            let mut counts = text.split('\t').map(|count| count.parse::<u64>().unwrap_or(0));
            answer.added += counts.next().unwrap_or(0);
            answer.removed += counts.next().unwrap_or(0);
        }
    }
}

fn note(notes: &mut Vec<String>, why: &str, paths: &[PathBuf]) {
    if paths.is_empty() {
        return;
    }
    let names: Vec<String> = paths.iter().take(NAMED).map(|path| format!("{path:?}")).collect();
    let more = if paths.len() > NAMED { ", …" } else { "" };
    notes.push(format!("{} left out ({why}): {}{more}", paths.len(), names.join(", ")));
}
