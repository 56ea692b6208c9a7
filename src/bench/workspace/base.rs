//! The first commit of a tree: what an answer is compared with.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::git::{Git, PLAIN_SETTINGS, line};
use super::lay::{self, Lay};
use super::walk::{Walk, walk};
use crate::bench::site::{Site, Trouble, TroubleKind};

/// From how many files on they are stored in one file of git and not in one each. Git before 2.37
/// would then make a pack for each file, so it is told to do so only for what is worth it.
const MANY_FILES: usize = 2000;

/// A tree as it was at its first commit. It is kept in memory, where no agent reaches it.
pub struct Base {
    /// What git calls the tree.
    pub tree: String,
    /// The files in it, sorted.
    pub files: Vec<Vec<u8>>,
    /// What is there and git ignores.
    pub ignored: Vec<PathBuf>,
    /// The ignore rules.
    rules: Vec<(PathBuf, Vec<u8>)>,
    /// Git's index without sizes and times of files: git would take a file for unchanged that has
    /// the same size and whose time was set back.
    index: Vec<u8>,
}

impl Base {
    /// Takes up a tree.
    pub fn record(git: &Git, site: &Site) -> Result<Base, Trouble> {
        git.lay_out()?;
        let Walk { files, rules, .. } = walk(&git.tree);
        let ignored = ignored(site, &rules, &files)?;
        let (ignored, files): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|path| ignored.contains(path));
        // Each git takes some milliseconds of every run.
        let tree = if files.is_empty() {
            // There is an index even if no file is there.
            git.run(&["read-tree", "--empty"], b"")?;
            line(&git.run(&["write-tree"], b"")?)
        } else {
            add(git, &files)?;
            let tree = line(&git.run(&["write-tree"], b"")?);
            git.run(&["read-tree", &tree], b"")?;
            tree
        };
        let index = fs::read(git.directory.join("index")).map_err(Trouble::because(
            TroubleKind::Setup,
            "the index of the first commit cannot be read",
        ))?;
        let ignored = ignored.iter().map(|path| path_of(path).into()).collect();
        Ok(Base { tree, files, ignored, rules, index })
    }

    /// Makes the repository what it was right after the first commit.
    pub fn restore(&self, git: &Git) -> Result<(), Trouble> {
        git.lay_out()?;
        fs::write(git.directory.join("index"), &self.index)
            .map_err(Trouble::because(TroubleKind::Setup, "cannot write an index"))
    }

    /// Which of these files the rules of the first commit ignore.
    pub fn ignores(&self, site: &Site, files: &[Vec<u8>]) -> Result<HashSet<Vec<u8>>, Trouble> {
        ignored(site, &self.rules, files)
    }

    /// Commits the tree, and gives the agent a repository of its own with this one commit.
    pub fn commit(&self, git: &Git, site: &Site) -> Result<(), Trouble> {
        let id = line(&git.run(&["commit-tree", &self.tree, "-m", "Begin"], b"")?);
        let own = git.tree.join(".git");
        let is_left_out = |path: &[u8]| path == b"config" || path == b"info";
        let lay = Lay { is_left_out: &is_left_out, is_stopped: site.is_stopped };
        let give = || {
            fs::write(git.directory.join("refs/heads/main"), format!("{id}\n"))?;
            lay::clear(&own)?;
            lay.over(&git.directory, &own)?;
            fs::write(own.join("config"), PLAIN_SETTINGS)
        };
        give().map_err(Trouble::because(TroubleKind::Setup, "cannot make the agent's repository"))
    }
}

/// Adds files to the index, or the changes of those that are there already.
pub fn add(git: &Git, files: &[Vec<u8>]) -> Result<(), Trouble> {
    let mut words = vec!["update-index", "--add", "--replace", "-z", "--stdin"];
    if files.len() > MANY_FILES {
        // Git writes large files to one pack as they come. Here all count as large.
        words.splice(0..0, ["-c", "core.bigFileThreshold=1"]);
    }
    if files.is_empty() {
        return Ok(());
    }
    git.run(&words, &list(files)).map(drop)
}

/// Names as git reads them with `-z`.
pub fn list<T: AsRef<[u8]>>(files: &[T]) -> Vec<u8> {
    let mut all = Vec::new();
    for file in files {
        all.extend_from_slice(file.as_ref());
        all.push(0);
    }
    all
}

/// A path out of bytes.
pub fn path_of(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// Which of these files git ignores by these rules. The rules are laid out in a directory of their
/// own: what else is in the tree has no say.
fn ignored(
    site: &Site,
    rules: &[(PathBuf, Vec<u8>)],
    files: &[Vec<u8>],
) -> Result<HashSet<Vec<u8>>, Trouble> {
    if rules.is_empty() || files.is_empty() {
        return Ok(HashSet::new());
    }
    let directory = site.scratch.join("rules");
    let write = || {
        lay::clear(&directory)?;
        for (path, text) in rules {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&directory))?;
            fs::write(path, text)?;
        }
        Ok(())
    };
    write().map_err(Trouble::because(TroubleKind::Setup, "cannot write ignore rules"))?;
    let git = Git::of(site, &directory);
    let words = ["check-ignore", "-z", "--stdin", "--no-index"];
    let (status, output) = git.ask(&words, &list(files), None)?;
    let removed = lay::clear(&directory);
    removed.map_err(Trouble::because(TroubleKind::Setup, "cannot remove ignore rules"))?;
    // Status 1 is "none of them".
    if status > 1 {
        let said = String::from_utf8_lossy(&output.said).trim().to_string();
        return Err(Trouble::new(TroubleKind::Setup, format!("git check-ignore failed: {said}")));
    }
    let names = output.printed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(<[u8]>::to_vec).collect())
}
