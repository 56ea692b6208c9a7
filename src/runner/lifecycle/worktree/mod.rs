//! Git worktrees for sessions: a place and a branch of one's own.

mod git;
mod removal;

pub use git::Limits;
use git::{Answer, Failed, indented};
pub use removal::{check_removable, name_ignored, remove, sweep};

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::store::{Record, Worktree};

/// A file's name may have 255 bytes, and git adds `.lock` to it.
const LONGEST_NAME: usize = 200;

/// Where worktrees are, below the top of the work tree that they were made from.
const PLACE: &str = ".occtl/worktrees";

/// The line that keeps them out of the list of untracked files.
const EXCLUDED: &[u8] = b"/.occtl/";

/// Whether it is where and as [`plan`] makes them.
pub fn is_made_by_us(worktree: &Worktree) -> bool {
    let place = format!("/{PLACE}/");
    let name = worktree.path.rsplit_once(&place).map(|(_, name)| name);
    name.is_some_and(|name| !name.contains('/') && worktree.branch == format!("occtl/{name}"))
        && worktree.repository.starts_with('/')
}

/// What `--worktree NAME` comes to: `.occtl/worktrees/NAME` on the branch `occtl/NAME`, which are
/// new, or both there from an earlier session. Nothing is made yet, so that the session's record
/// can say first what is going to be.
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
    let top = Limits::short().line(directory, &["rev-parse", "--show-toplevel"]);
    let repository = PathBuf::from(top.map_err(|failed| {
        let error = failed.error(&format!("git finds no work tree at {}", directory.display()));
        if failed.is_dubious() {
            return error;
        }
        error.hint("--worktree needs git and a repository that is not bare")
    })?);
    let path = repository.join(PLACE).join(name);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut worktree = Worktree {
        repository: text(&repository),
        path: text(&path),
        branch: format!("occtl/{name}"),
        reused: false,
    };
    if path.exists() {
        check_reusable(&worktree, base)?;
        worktree.reused = true;
        return Ok(worktree);
    }
    let Worktree { branch, .. } = &worktree;
    if has_branch(&repository, branch) {
        let shown = repository.display();
        return Err(Error::failed(format!("branch {branch} is there already")).hint(format!(
            "git -C {shown} branch -d {branch} removes it if it is merged; or take another name"
        )));
    }
    let shown = base.unwrap_or("HEAD");
    let commit = format!("{shown}^{{commit}}");
    if Limits::short().run(&repository, &["rev-parse", "--verify", "--quiet", &commit]).is_err() {
        return Err(Error::failed(format!("{shown} is no commit of {}", repository.display()))
            .hint("--base names a branch, a tag or a commit; an empty repository has none yet"));
    }
    Ok(worktree)
}

/// An error unless the worktree that is there already is one of this repository and from us, so
/// that a new session can go on in it.
fn check_reusable(worktree: &Worktree, base: Option<&str>) -> Result<()> {
    let Worktree { repository, path, branch, .. } = worktree;
    if base.is_some() {
        return Err(taken(path).hint("--base is for a new one; without it this one is used again"));
    }
    let place = Path::new(path);
    let repository = Path::new(repository);
    let ask = |directory: &Path, word: &str| {
        let words = ["rev-parse", "--path-format=absolute", word];
        Limits::short().line(directory, &words).ok()
    };
    let common = ask(place, "--git-common-dir");
    let is_ours = ask(place, "--show-toplevel").as_ref() == Some(path)
        && common.is_some()
        && common == ask(repository, "--git-common-dir")
        && has_branch(repository, branch);
    if is_ours {
        return Ok(());
    }
    let text = format!("{path} is there already, and is no worktree with the branch {branch}");
    Err(Error::failed(text).hint("take another name, or remove what is there"))
}

/// Whether a session works in a worktree.
pub fn is_in_it(record: &Record, worktree: &Worktree) -> bool {
    let own = record.worktree.as_ref().map(|own| &own.path);
    own == Some(&worktree.path) || record.workdir.as_ref() == Some(&worktree.path)
}

/// The error for a worktree that another session has.
pub fn taken(path: &str) -> Error {
    Error::failed(format!("worktree {path} is there already"))
}

/// The git commands that remove a worktree and its branch if nothing is lost with them.
pub fn removal_commands(worktree: &Worktree) -> String {
    let Worktree { repository, path, branch, .. } = worktree;
    let (repository, path) = (quoted(repository), quoted(path));
    format!("git -C {repository} worktree remove {path} && git -C {repository} branch -d {branch}")
}

/// A word for a shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Makes what was planned. What git's hooks say is passed on to `say`.
pub fn create(
    worktree: &Worktree,
    base: Option<&str>,
    limits: &Limits,
    say: fn(&str),
) -> Result<()> {
    let Worktree { repository, path, branch, reused } = worktree;
    if *reused {
        return Ok(());
    }
    exclude(Path::new(repository));
    let mut words = vec!["worktree", "add", "--quiet", "--no-track", "-b", branch, path];
    words.extend(base);
    let Answer { failed, words, .. } = limits.ask(Path::new(repository), &words);
    match failed {
        None if words.is_empty() => {}
        None => say(&format!("git says about the worktree:\n{}", indented(&words))),
        // Git removes a worktree that it cannot make. Only a hook comes after it is made.
        Some(Code::Failed) if Path::new(path).join(".git").exists() => say(&format!(
            "warning: worktree {path} is made, but a hook of git failed:\n{}",
            indented(&words)
        )),
        Some(code) => {
            let shown = base.unwrap_or("HEAD");
            let what = format!("git cannot make a worktree of {shown} at {path}");
            return Err(Failed { code, words }.error(&what));
        }
    }
    Ok(())
}

/// Keeps the worktrees out of the repository's own list of untracked files.
fn exclude(repository: &Path) {
    let question = ["rev-parse", "--git-path", "info/exclude"];
    let Ok(mut output) = Limits::short().run(repository, &question) else { return };
    // The path need not be UTF-8.
    output.pop_if(|last| *last == b'\n');
    let path = repository.join(OsStr::from_bytes(&output));
    let known = match fs::read(&path) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        // What cannot be read may have the line, and is not ours to change.
        Err(_) => return,
    };
    if known.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_end() == EXCLUDED) {
        return;
    }
    let _ = path.parent().map(fs::create_dir_all);
    // The last pattern of the user may have no end of line.
    let before: &[u8] = if known.last().is_none_or(|last| *last == b'\n') { b"" } else { b"\n" };
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    let _ = file.and_then(|mut file| file.write_all(&[before, EXCLUDED, b"\n"].concat()));
}

fn has_branch(repository: &Path, branch: &str) -> bool {
    let reference = format!("refs/heads/{branch}");
    Limits::short().run(repository, &["rev-parse", "--verify", "--quiet", &reference]).is_ok()
}
