//! The tree that an agent works in, and the answer that it leaves there.
//!
//! Below the private directory of a run: `agent/{tree,home,outbox}` is all that an agent sees,
//! `repo.git` is the repository that answers are taken with, `check/` holds the fresh copy.

use std::path::{Path, PathBuf};

use super::site::{Site, Trouble};

/// A tree that is ready for an agent.
pub struct Workspace {
    /// What git ignores in the tree at its first commit. A name is any bytes.
    pub ignored: Vec<PathBuf>,
    /// The tree at the first commit, as git names it.
    base: String,
}

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
    /// The tree with the changes, as git names it.
    tree: String,
}

impl Workspace {
    /// Makes the run's directory and in it the tree: template without what is hidden, overlay,
    /// `setup`, one commit. `agent/home` and `agent/outbox` are there as empty directories, except
    /// for what `setup` writes into its HOME.
    pub fn create(_site: &Site) -> Result<Workspace, Trouble> {
        todo!()
    }

    /// Takes the answer, once nothing of the agent runs any more. It may be taken again after
    /// another try.
    pub fn take_answer(&self, _site: &Site) -> Result<Answer, Trouble> {
        todo!()
    }

    /// The answer that was stored as a patch, to be checked again.
    pub fn read_answer(&self, _site: &Site, _patch: &Path) -> Result<Answer, Trouble> {
        todo!()
    }
}

/// Removes the private directory of a run with all that an agent left there, or whatever of it is
/// left. It is no error if nothing is there.
pub fn remove(_scratch: &Path) -> std::io::Result<()> {
    todo!()
}
