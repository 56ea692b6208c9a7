//! The tree that an agent works in, and the answer that it leaves there.
//!
//! Below the private directory of a run: `agent/{tree,home,tmp,outbox}` is all that an agent sees,
//! `repo.git` is the repository that answers are taken with, `check/` holds the fresh copy.

mod answer;
mod base;
mod git;
pub mod lay;
pub mod links;
mod removal;
mod template;
#[cfg(test)]
mod tests;
mod walk;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub use answer::{Answer, Now};

use super::program::{self, End, Program};
use super::site::{Site, Trouble, TroubleKind};
use super::wrap::{self, Wrapped};
use base::Base;
use git::Git;
use lay::Lay;
use template::Source;

/// How much of what a failed `setup` printed is told: its end says why.
const TOLD: usize = 2000;

/// A tree that is ready for an agent.
pub struct Workspace {
    /// The tree at its first commit.
    base: Base,
    /// What the tree was copied from.
    source: Source,
}

/// A copy of a template.
pub struct Copy<'a> {
    /// Where the tree is to be.
    pub tree: &'a Path,
    /// HOME of `setup`.
    pub home: &'a Path,
    /// TMPDIR of `setup`.
    pub temporary: &'a Path,
    /// Whether it is for an agent: without what it must not see, and with the overlay.
    pub for_agent: bool,
}

impl Workspace {
    /// Makes the run's directory and in it the tree: template without what is hidden, overlay,
    /// `setup`, one commit. `agent/home`, `agent/tmp` and `agent/outbox` are there as empty
    /// directories, except for what `setup` writes into the first two.
    pub fn create(site: &Site) -> Result<Workspace, Trouble> {
        site.expect_unchanged()?;
        let failed = || Trouble::because(TroubleKind::Setup, "cannot make the run's directory");
        let mut builder = DirBuilder::new();
        builder.mode(0o700).recursive(true);
        builder.create(site.scratch).map_err(failed())?;
        builder.create(site.outbox()).map_err(failed())?;
        let source = template::source(site)?;
        let tree = site.tree();
        let places =
            Copy { tree: &tree, home: &site.home(), temporary: &site.temporary(), for_agent: true };
        prepare(site, &source, &places)?;
        let git = Git::of(site, &tree);
        let base = Base::record(&git, site)?;
        base.commit(&git, site)?;
        Ok(Workspace { base, source })
    }

    /// What git ignores in the tree at its first commit. A name is any bytes.
    pub fn ignored(&self) -> &[PathBuf] {
        &self.base.ignored
    }

    /// Takes the answer, once nothing of the agent runs any more. It may be taken again after
    /// another try.
    pub fn take_answer(&self, site: &Site) -> Result<Answer, Trouble> {
        match answer::take(site, &self.base) {
            // An agent that removes the run's directory has removed our repository with it.
            Err(trouble) if trouble.kind == TroubleKind::Setup => {
                answer::take(site, &self.again(site)?)
            }
            taken => taken,
        }
    }

    /// The answer that was stored as a patch, to be checked again.
    pub fn read_answer(&self, site: &Site, patch: &Path) -> Result<Answer, Trouble> {
        answer::read(site, &self.base, patch)
    }

    /// Makes a fresh copy of the task for a check.
    pub fn fresh(&self, site: &Site, places: &Copy) -> Result<(), Trouble> {
        prepare(site, &self.source, places)
    }

    /// The first commit once more, made from the beginning.
    fn again(&self, site: &Site) -> Result<Base, Trouble> {
        let all = site.scratch.join("again");
        let places = Copy {
            tree: &all.join("tree"),
            home: &all.join("home"),
            temporary: &all.join("tmp"),
            for_agent: true,
        };
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&all)
            .map_err(Trouble::because(TroubleKind::Setup, "cannot make the run's directory"))?;
        prepare(site, &self.source, &places)?;
        let base = Base::record(&Git::of(site, places.tree), site)?;
        remove(&all).map_err(Trouble::because(TroubleKind::Setup, "cannot remove a copy"))?;
        Ok(base)
    }
}

/// Copies the template, lays the overlay over it and runs `setup`.
fn prepare(site: &Site, source: &Source, places: &Copy) -> Result<(), Trouble> {
    let failed = || Trouble::because(TroubleKind::Setup, "cannot make the tree");
    for path in [places.tree, places.home, places.temporary] {
        lay::clear(path).map_err(failed())?;
        DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(failed())?;
    }
    template::copy(site, source, places.tree, places.for_agent)?;
    if let (Some(overlay), true) = (site.overlay, places.for_agent) {
        let lay = Lay { is_left_out: &|path| path == b".git", is_stopped: site.is_stopped };
        lay.over(overlay, places.tree)
            .map_err(Trouble::because(TroubleKind::Setup, "the overlay cannot be laid over"))?;
    }
    if site.task.setup.is_empty() {
        return Ok(());
    }
    let words: Vec<_> = site.task.setup.iter().map(Into::into).collect();
    let limit_s = site.task.limits.setup_s;
    let command = Command { name: "setup", words: &words, limit_s, wrapped: None };
    run(site, places, &command)
}

/// A command of a task that prepares a tree.
pub struct Command<'a> {
    /// What people call it.
    pub name: &'a str,
    /// Program and arguments; a path is one from the tree.
    pub words: &'a [std::ffi::OsString],
    /// How long it may take.
    pub limit_s: f64,
    /// The same command within the plan's `wrap`; `None` if it runs as it is.
    pub wrapped: Option<&'a Wrapped>,
}

/// Runs a command in a tree. If it does not end with status 0, that is told with its words.
pub fn run(site: &Site, places: &Copy, command: &Command) -> Result<(), Trouble> {
    let Command { name, words, limit_s, wrapped } = command;
    let output = site.scratch.join("output.txt");
    let variables = match wrapped {
        Some(_) => wrap::variables(site),
        None => program::variables(site, places.home, places.temporary),
    };
    let ran = program::run(
        site,
        &Program {
            words: wrapped.map_or(*words, |wrapped| &wrapped.words),
            directory: places.tree,
            variables: &variables,
            limit: std::time::Duration::try_from_secs_f64(*limit_s)
                .unwrap_or(std::time::Duration::MAX),
            output: &output,
            end: &|| {
                if let Some(wrapped) = wrapped {
                    wrapped.kill(site);
                }
            },
        },
    );
    let ran = ran.map_err(Trouble::because(TroubleKind::Setup, &format!("cannot run {name}")))?;
    let why = match ran.end {
        End::Status(0) => return fs::remove_file(&output).or(Ok(())),
        End::Stopped => return Err(Trouble::new(TroubleKind::Stopped, "the run was to end")),
        End::Status(status) => format!("{name} ended with status {status}"),
        End::Signal(signal) => format!("{name} was ended by signal {signal}"),
        End::Late => format!("{name} did not end within {limit_s} s"),
        End::NotStarted(error) => format!("{name} cannot be started: {error}"),
    };
    let printed = fs::read(&output).unwrap_or_default();
    let end = &printed[printed.len().saturating_sub(TOLD)..];
    let words = String::from_utf8_lossy(end).trim().to_string();
    let message = if words.is_empty() { why } else { format!("{why}: {words}") };
    Err(Trouble::new(TroubleKind::Setup, message))
}

/// Removes the private directory of a run with all that an agent left there, or whatever of it is
/// left. It is no error if nothing is there.
pub fn remove(scratch: &Path) -> io::Result<()> {
    removal::all(scratch)
}
