//! Makes a copy of a task's template.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::git::{Git, line};
use super::lay::Lay;
use crate::bench::glob;
use crate::bench::hash;
use crate::bench::site::{Site, Trouble, TroubleKind};
use crate::bench::task::Template;
use crate::units::{Deadline, TICK, pause};

/// How long another process may fetch the same repository.
const FETCH_WAIT: Duration = Duration::from_secs(600);

/// What all copies of one run are made of. A branch may move on meanwhile.
#[derive(Clone)]
pub enum Source {
    /// Nothing.
    Empty,
    /// A directory.
    Directory(PathBuf),
    /// A tree of git.
    Tree {
        /// Its name.
        id: String,
        /// The directory of objects that has it.
        objects: PathBuf,
    },
}

/// Finds out what copies are made of.
pub fn source(site: &Site) -> Result<Source, Trouble> {
    match &site.task.template {
        Template::Empty => Ok(Source::Empty),
        Template::Directory(directory) => Ok(Source::Directory(directory.clone())),
        Template::Git { url, reference } if url.starts_with('/') => local(site, url, reference),
        Template::Git { url, reference } => remote(site, url, reference),
    }
}

/// Makes a copy. With `hide`, what an agent must not see is left out. A `.git` at the top is left
/// out in any case: it would tell the history.
pub fn copy(site: &Site, source: &Source, onto: &Path, hide: bool) -> Result<(), Trouble> {
    let is_left_out = |path: &[u8]| path == b".git" || hide && glob::covers(&site.task.hide, path);
    let lay = Lay { is_left_out: &is_left_out, is_stopped: site.is_stopped };
    let failed = Trouble::because(TroubleKind::Setup, "the template cannot be copied");
    match source {
        Source::Empty => fs::create_dir_all(onto).map_err(failed),
        Source::Directory(directory) => lay.over(directory, onto).map_err(failed),
        Source::Tree { id, objects } => {
            fs::create_dir_all(onto).map_err(&failed)?;
            let git = Git::beside(site, onto, objects);
            git.lay_out()?;
            git.run(&["read-tree", id], b"")?;
            git.run(&["checkout-index", "--all", "--quiet"], b"")?;
            let done = fs::remove_dir_all(&git.directory).and_then(|()| match hide {
                true => lay.prune(onto),
                false => Ok(()),
            });
            done.map_err(failed)
        }
    }
}

/// A repository on this machine: its objects are read where they are.
fn local(site: &Site, path: &str, reference: &str) -> Result<Source, Trouble> {
    let git = Git::elsewhere(site, Path::new(path));
    let id = git.run(&["rev-parse", "--verify", "--end-of-options", &tree_of(reference)], b"");
    let id = id.map_err(|trouble| about(trouble, path, reference))?;
    let shared = git.run(&["rev-parse", "--git-common-dir"], b"")?;
    let objects = Path::new(path).join(line(&shared)).join("objects");
    Ok(Source::Tree { id: line(&id), objects })
}

fn tree_of(reference: &str) -> String {
    format!("{reference}^{{tree}}")
}

fn about(trouble: Trouble, url: &str, reference: &str) -> Trouble {
    let message = format!("{reference} of {url} cannot be read: {}", trouble.message);
    Trouble { message, ..trouble }
}

/// A repository elsewhere: only the one revision is fetched, once for all runs of this host.
fn remote(site: &Site, url: &str, reference: &str) -> Result<Source, Trouble> {
    let shared = site.scratch.parent().unwrap_or(site.scratch).join("templates");
    let directory = shared.join(format!("{}.git", hash::bytes(url.as_bytes())));
    let failed = || Trouble::because(TroubleKind::Setup, "cannot keep a template");
    fs::create_dir_all(&shared).map_err(failed())?;
    let lock = fs::File::create(directory.with_extension("lock")).map_err(failed())?;
    let deadline = Deadline::after(FETCH_WAIT);
    while fs2::FileExt::try_lock_exclusive(&lock).is_err() {
        if (site.is_stopped)() || deadline.expired() {
            let message = format!("{url} is still being fetched by another run");
            return Err(Trouble::new(TroubleKind::Setup, message));
        }
        pause(TICK);
    }
    let objects = directory.join("objects");
    let git = Git::shared(site, directory);
    git.lay_out()?;
    let parse = |name: &str| git.run(&["rev-parse", "--verify", "-q", &tree_of(name)], b"");
    // Only the name of a commit means the same for ever.
    let is_commit = reference.len() == 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit());
    let known = is_commit.then(|| parse(reference).ok()).flatten();
    let id = match known {
        Some(id) => id,
        None => {
            let fetch =
                ["fetch", "-q", "--depth=1", "--no-tags", "--end-of-options", url, reference];
            let fetched = git.run(&fetch, b"").and_then(|_| parse("FETCH_HEAD"));
            fetched.map_err(|trouble| about(trouble, url, reference))?
        }
    };
    Ok(Source::Tree { id: line(&id), objects })
}
