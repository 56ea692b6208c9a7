//! Git worktrees for sessions: a place and a branch of one's own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::process::Capture;
use crate::runner::session::git::{self, Uncommitted};
use crate::store::Worktree;
use crate::units::{Deadline, GIT_LIMIT};

/// Making a worktree copies every file of the repository.
const CHECKOUT_LIMIT: std::time::Duration = std::time::Duration::from_secs(120);

/// A file's name may have 255 bytes, and git adds `.lock` to it.
const LONGEST_NAME: usize = 200;

/// Where worktrees are, below the top of the work tree that they were made from.
const PLACE: &str = ".occtl/worktrees";

/// Whether it is where and as [`plan`] makes them.
pub fn is_made_by_us(worktree: &Worktree) -> bool {
    let place = format!("/{PLACE}/");
    let name = worktree.path.rsplit_once(&place).map(|(_, name)| name);
    name.is_some_and(|name| !name.contains('/') && worktree.branch == format!("occtl/{name}"))
        && worktree.repository.starts_with('/')
}

/// What `--worktree NAME` comes to: `.occtl/worktrees/NAME` on the new branch `occtl/NAME`. Nothing
/// is made yet, so that the session's record can say first what is going to be.
pub fn plan(directory: &Path, name: &str, base: Option<&str>) -> Result<Worktree> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let of_git = name.len() > LONGEST_NAME
        || name.ends_with('.')
        || name.ends_with(".lock")
        || name.contains("..");
    if name.is_empty() || !name.chars().all(plain) || name.starts_with(['-', '.']) || of_git {
        return Err(Error::usage(format!("{name:?} cannot be the name of a worktree"))
            .hint("letters, digits, '-', '_' and '.'"));
    }
    if let Some(base) = base.filter(|base| base.starts_with('-')) {
        return Err(Error::usage(format!("{base:?} cannot be a git revision")));
    }
    let top = run(directory, &["rev-parse", "--show-toplevel"], GIT_LIMIT).ok_or_else(|| {
        Error::failed(format!("git finds no work tree at {}", directory.display()))
            .hint("--worktree needs git and a repository that is not bare")
    })?;
    let repository = PathBuf::from(top.trim_end_matches('\n'));
    let path = repository.join(PLACE).join(name);
    let branch = format!("occtl/{name}");
    if path.exists() {
        return Err(taken(&format!("worktree {}", path.display())));
    }
    let reference = format!("refs/heads/{branch}");
    if has_branch(&repository, &reference) {
        return Err(taken(&format!("branch {branch}")));
    }
    let shown = base.unwrap_or("HEAD");
    let commit = format!("{shown}^{{commit}}");
    if run(&repository, &["rev-parse", "--verify", "--quiet", &commit], GIT_LIMIT).is_none() {
        return Err(Error::failed(format!("{shown} is no commit of {}", repository.display()))
            .hint("--base names a branch, a tag or a commit; an empty repository has none yet"));
    }
    let text = |path: &Path| path.to_string_lossy().into_owned();
    Ok(Worktree { repository: text(&repository), path: text(&path), branch })
}

/// The error for a name that is taken.
pub fn taken(what: &str) -> Error {
    Error::failed(format!("{what} is there already"))
        .hint("occtl stop SESSION --remove-worktree removes both; or take another name")
}

/// Makes what was planned.
pub fn create(worktree: &Worktree, base: Option<&str>) -> Result<()> {
    let Worktree { repository, path, branch } = worktree;
    exclude(Path::new(repository));
    let mut words = vec!["worktree", "add", "--quiet", "-b", branch, path];
    words.extend(base);
    if run(Path::new(repository), &words, CHECKOUT_LIMIT).is_none() {
        let shown = base.unwrap_or("HEAD");
        return Err(Error::failed(format!("git cannot make a worktree of {shown} at {path}"))
            .hint(format!(
                "git -C {repository} worktree add -b {branch} {path} {shown} says why"
            )));
    }
    Ok(())
}

/// Keeps the worktrees out of the repository's own list of untracked files.
fn exclude(repository: &Path) {
    let Some(path) = run(repository, &["rev-parse", "--git-path", "info/exclude"], GIT_LIMIT)
    else {
        return;
    };
    let path = repository.join(path.trim_end_matches('\n'));
    let known = fs::read_to_string(&path).unwrap_or_default();
    if !known.lines().any(|line| line == "/.occtl/") {
        let _ = path.parent().map(fs::create_dir_all);
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "/.occtl/"));
    }
}

/// An error unless the worktree can be removed without losing work.
pub fn check_removable(worktree: &Worktree) -> Result<()> {
    let path = Path::new(&worktree.path);
    // A worktree that was removed by hand holds nothing; its branch may.
    let changes = path.exists().then(|| git::start_status(path).wait(Deadline::after(GIT_LIMIT)));
    match changes.unwrap_or(Uncommitted::Known(Vec::new())) {
        Uncommitted::Known(files) if files.is_empty() => {}
        Uncommitted::Known(files) => {
            let count = files.len();
            return Err(Error::failed(format!(
                "{} holds {count} uncommitted changes",
                worktree.path
            ))
            .hint("commit or discard them first"));
        }
        Uncommitted::Unknown => {
            return Err(Error::failed(format!("git cannot tell what {} holds", worktree.path)));
        }
    }
    // Git does not see those, and would remove them with whatever they hold.
    if fs::read_dir(path.join(PLACE)).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::failed(format!("{} holds worktrees of its own", worktree.path))
            .hint("remove those first"));
    }
    let branch = format!("refs/heads/{}", worktree.branch);
    let repository = Path::new(&worktree.repository);
    // Git wants it without refs/heads here, and excludes nothing otherwise.
    let exclude = format!("--exclude={}", worktree.branch);
    let mut words = vec!["rev-list", "--count"];
    if has_branch(repository, &branch) {
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
    match run(place, &words, GIT_LIMIT).as_deref().map(str::trim) {
        Some("0") => Ok(()),
        Some(count) => {
            Err(Error::failed(format!("{shown} has {count} commits that are nowhere else"))
                .hint("git merge them first, or leave the worktree"))
        }
        None => Err(Error::failed(format!("git cannot tell what {shown} holds"))),
    }
}

/// Removes worktree and branch. Call [`check_removable`] first.
pub fn remove(worktree: &Worktree) -> Result<()> {
    let repository = Path::new(&worktree.repository);
    // Without --force git refuses by itself if a file was changed since our check.
    let gone = !Path::new(&worktree.path).exists()
        || run(repository, &["worktree", "remove", &worktree.path], CHECKOUT_LIMIT).is_some();
    run(repository, &["worktree", "prune"], GIT_LIMIT);
    // Only if they are empty.
    let parents = Path::new(&worktree.path).ancestors().skip(1).take(2);
    parents.for_each(|parent| drop(fs::remove_dir(parent)));
    let branch = &worktree.branch;
    let removed = gone
        && (!has_branch(repository, &format!("refs/heads/{branch}"))
            || run(repository, &["branch", "--quiet", "-D", branch], GIT_LIMIT).is_some());
    if removed {
        return Ok(());
    }
    let Worktree { repository, path, .. } = worktree;
    Err(Error::failed(format!("git cannot remove the worktree {path}"))
        .hint(format!("git -C {repository} worktree remove {path} says why")))
}

fn has_branch(repository: &Path, reference: &str) -> bool {
    run(repository, &["rev-parse", "--verify", "--quiet", reference], GIT_LIMIT).is_some()
}

/// What git prints, if it succeeds.
fn run(directory: &Path, words: &[&str], limit: std::time::Duration) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(["-c", "core.fsmonitor=false"]).args(words);
    git::confine(&mut command);
    let output = Capture::start(&mut command).ok()?.finish(Deadline::after(limit))?;
    String::from_utf8(output).ok()
}
