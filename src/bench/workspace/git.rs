//! Runs git with a repository of our own, which nothing outside it can configure.

use std::fs::{self, DirBuilder, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use super::lay::clear;
use crate::bench::site::{Site, Trouble, TroubleKind};
use crate::runner::programs::Handle;
use crate::units::{Deadline, TICK, pause};

/// How long one git may take: 100,000 files need seconds, a fetch from far away needs minutes.
const GIT_TAKES: Duration = Duration::from_secs(600);

/// What decides about an answer is set here and nowhere else.
const SETTINGS: &str = "[core]
\trepositoryFormatVersion = 0
\tbare = false
\tfileMode = true
\tsymlinks = true
\tignoreCase = false
\tprecomposeUnicode = false
\tprotectHFS = false
\tprotectNTFS = false
\tautocrlf = false
\tsafecrlf = false
\tfsmonitor = false
\tuntrackedCache = false
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tlogAllRefUpdates = false
\tcompression = 1
[gc]
\tauto = 0
[maintenance]
\tauto = false
";

/// What an agent's own repository begins with: as after `git init`, and with a name, so that it
/// can commit.
pub const PLAIN_SETTINGS: &str = "[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
[user]
\tname = author
\temail = author@localhost
";

/// No attribute file in a tree changes what is stored of a file, or how a difference is shown:
/// this one comes before all others.
const ATTRIBUTES: &str = "* -text !eol -ident !filter !working-tree-encoding !diff !merge\n";

/// The date of every commit.
const DATE: &str = "946684800 +0000";

/// A repository below the run's directory.
pub struct Git<'a> {
    site: &'a Site<'a>,
    /// Where it is; empty if git looks for it from `tree` on.
    pub directory: PathBuf,
    /// The tree that it looks at, and where git runs.
    pub tree: PathBuf,
    /// Where else objects are.
    objects: Option<PathBuf>,
}

impl<'a> Git<'a> {
    /// The repository of a run, which looks at a tree.
    pub fn of(site: &'a Site<'a>, tree: &Path) -> Git<'a> {
        let directory = site.scratch.join("repo.git");
        Git { site, directory, tree: tree.into(), objects: None }
    }

    /// A repository without objects of its own, to write a tree out of others.
    pub fn beside(site: &'a Site<'a>, tree: &Path, objects: &Path) -> Git<'a> {
        let directory = site.scratch.join("template.git");
        Git { directory, objects: Some(objects.into()), ..Git::of(site, tree) }
    }

    /// A repository that many runs share.
    pub fn shared(site: &'a Site<'a>, directory: PathBuf) -> Git<'a> {
        Git { directory, ..Git::of(site, Path::new("/")) }
    }

    /// The repository of other people around a directory.
    pub fn elsewhere(site: &'a Site<'a>, tree: &Path) -> Git<'a> {
        Git { directory: PathBuf::new(), ..Git::of(site, tree) }
    }

    /// Makes the repository, or makes an old one what it should be: whatever has been done to it,
    /// only its objects stay.
    pub fn lay_out(&self) -> Result<(), Trouble> {
        let make = || {
            let mut builder = DirBuilder::new();
            builder.mode(0o700).recursive(true);
            if !fs::symlink_metadata(&self.directory).is_ok_and(|about| about.is_dir()) {
                clear(&self.directory)?;
            }
            builder.create(&self.directory)?;
            for entry in fs::read_dir(&self.directory)? {
                let entry = entry?;
                if entry.file_name() != "objects" || !entry.file_type()?.is_dir() {
                    clear(&entry.path())?;
                }
            }
            // Other places of objects could be named there.
            clear(&self.directory.join("objects/info"))?;
            for name in ["refs/heads", "info", "objects"] {
                builder.create(self.directory.join(name))?;
            }
            fs::write(self.directory.join("HEAD"), "ref: refs/heads/main\n")?;
            fs::write(self.directory.join("config"), SETTINGS)?;
            fs::write(self.directory.join("info/attributes"), ATTRIBUTES)
        };
        make().map_err(Trouble::because(TroubleKind::Setup, "cannot make a repository"))
    }

    /// Runs git, and returns what it printed.
    pub fn run(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>, Trouble> {
        let (status, output) = self.ask(words, input, None)?;
        expect(status, words, output)
    }

    /// The same, and the output goes to a file.
    pub fn run_into(&self, words: &[&str], path: &Path) -> Result<(), Trouble> {
        let failed = Trouble::because(TroubleKind::Setup, "cannot write the answer");
        let file = File::create(path).map_err(failed)?;
        let (status, output) = self.ask(words, b"", Some(file))?;
        expect(status, words, output).map(drop)
    }

    /// Runs git, whatever its status says.
    pub fn ask(
        &self,
        words: &[&str],
        input: &[u8],
        into: Option<File>,
    ) -> Result<(i32, Output), Trouble> {
        let failed = || Trouble::because(TroubleKind::Setup, "cannot run git");
        let file = |name| memfd_create(name, MemfdFlags::CLOEXEC).map(File::from);
        let mut given = file("input").map_err(|error| failed()(error.into()))?;
        given.write_all(input).and_then(|()| given.rewind()).map_err(failed())?;
        let printed = file("output").map_err(|error| failed()(error.into()))?;
        let said = file("words").map_err(|error| failed()(error.into()))?;
        let mut command = self.command(words);
        let output = match &into {
            Some(file) => file.try_clone(),
            None => printed.try_clone(),
        };
        command.stdin(given).stdout(output.map_err(failed())?);
        command.stderr(said.try_clone().map_err(failed())?);
        let status = self.wait(&mut command)?;
        let read = |mut file: File| {
            let mut content = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut content)).map(|_| content)
        };
        let printed = read(printed).map_err(failed())?;
        Ok((status, Output { printed, said: read(said).map_err(failed())? }))
    }

    fn wait(&self, command: &mut Command) -> Result<i32, Trouble> {
        let mut child = command
            .spawn()
            .map_err(Trouble::because(TroubleKind::Setup, "cannot start git (is it installed?)"))?;
        let handle = Handle::of_child(&child);
        let deadline = Deadline::after(GIT_TAKES);
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Ok(status.code().unwrap_or(128));
            }
            let is_stopped = (self.site.is_stopped)();
            if is_stopped || deadline.expired() {
                let _ = child.kill();
                let _ = child.wait();
                let (kind, message) = if is_stopped {
                    (TroubleKind::Stopped, "the run was to end".into())
                } else {
                    (TroubleKind::Setup, format!("git took longer than {} s", GIT_TAKES.as_secs()))
                };
                return Err(Trouble { kind, message });
            }
            match &handle {
                Some(handle) => drop(handle.wait(deadline.remaining(TICK))),
                None => pause(Duration::from_millis(1)),
            }
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut git = Command::new("git");
        // A task's repository may belong to another user.
        git.args(["-c", "safe.directory=*"])
            .args(words)
            .current_dir(&self.tree)
            .env_clear()
            .process_group(0);
        if let Some(path) = self.site.environment.get("PATH") {
            git.env("PATH", path);
        }
        // Without a home, git finds no settings of a user; older versions know no other way.
        git.env("HOME", self.directory.join("info"));
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_ATTR_NOSYSTEM", "1");
        git.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), "author");
            git.env(format!("GIT_{role}_EMAIL"), "author@localhost");
            git.env(format!("GIT_{role}_DATE"), DATE);
        }
        if !self.directory.as_os_str().is_empty() {
            git.env("GIT_DIR", &self.directory).env("GIT_WORK_TREE", &self.tree);
        }
        if let Some(objects) = &self.objects {
            git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects);
        }
        git
    }
}

/// What git printed, if it went well.
fn expect(status: i32, words: &[&str], output: Output) -> Result<Vec<u8>, Trouble> {
    if status == 0 {
        return Ok(output.printed);
    }
    let said = String::from_utf8_lossy(&output.said);
    let full = said.contains("No space left on device") || said.contains("Disk quota exceeded");
    let kind = if full { TroubleKind::DiskFull } else { TroubleKind::Setup };
    let message = format!("git {} failed with status {status}: {}", words[0], said.trim());
    Err(Trouble::new(kind, message))
}

/// What git printed and said.
pub struct Output {
    /// On stdout.
    pub printed: Vec<u8>,
    /// On stderr.
    pub said: Vec<u8>,
}

/// The line that git printed.
pub fn line(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim().to_string()
}
