//! Where one task is worked on, and with what.

use std::io;
use std::path::{Path, PathBuf};

use super::plan::Plan;
use super::results::line::LineError;
use super::task::Task;
use crate::runner::Environment;

/// The variable that everything which is started for a run carries. Its value is the random name
/// of the run's directory.
pub const MARK: &str = "OCCTL_TRIAL";

/// What result lines call the error of a full disk.
pub const DISK_FULL: &str = "disk_full";

/// What preparing a tree and checking an answer need to know.
pub struct Site<'a> {
    /// The plan, for its variables and `wrap`.
    pub plan: &'a Plan,
    /// The task.
    pub task: &'a Task,
    /// What the arm lays over the tree before its first commit.
    pub overlay: Option<&'a Path>,
    /// The arm's OpenCode program as an absolute path, for `{opencode}` in `wrap`.
    pub opencode: Option<&'a Path>,
    /// The private directory of the run, with a random name.
    pub scratch: &'a Path,
    /// The caller's surroundings: PATH, LANG and TZ come from there.
    pub environment: &'a Environment,
    /// Whether this process works for this run alone and is the subreaper of all that it starts:
    /// then all its descendants are ended with each command, and otherwise what has the mark.
    pub is_alone: bool,
    /// Whether the run is to end at once.
    pub is_stopped: &'a dyn Fn() -> bool,
}

impl Site<'_> {
    /// The value of [`MARK`].
    pub fn mark(&self) -> String {
        self.scratch.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Looks whether the task is still what it was when the plan was read.
    pub fn expect_unchanged(&self) -> Result<(), Trouble> {
        // One that was never on disk has no hash.
        if self.task.sha256.is_empty() {
            return Ok(());
        }
        let why = match self.task.hash_now() {
            Ok(hash) if hash == self.task.sha256 => return Ok(()),
            Ok(_) => "its files are no longer what they were when the plan was read".into(),
            Err(error) => error.to_string(),
        };
        let message = format!("task {} has changed: {why}", self.task.id);
        Err(Trouble::new(TroubleKind::TaskChanged, message))
    }

    /// All that an agent may see: what `{run}` stands for around an agent.
    pub fn agent(&self) -> PathBuf {
        self.scratch.join("agent")
    }

    /// The agent's working tree.
    pub fn tree(&self) -> PathBuf {
        self.agent().join("tree")
    }

    /// HOME of `setup` and of the agent, with the XDG directories below.
    pub fn home(&self) -> PathBuf {
        self.agent().join("home")
    }

    /// TMPDIR of `setup`, and of the agent.
    pub fn temporary(&self) -> PathBuf {
        self.agent().join("tmp")
    }

    /// What the agent's process leaves for the trial.
    pub fn outbox(&self) -> PathBuf {
        self.agent().join("outbox")
    }
}

/// What kind of thing went wrong with a run before or after the agent's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// The tree could not be prepared.
    Setup,
    /// The check could not be made.
    Check,
    /// The task is no longer what it was when the plan was read.
    TaskChanged,
    /// The run was to end.
    Stopped,
    /// The disk is full.
    DiskFull,
}

/// Why a tree could not be prepared, or an answer not be taken or checked. It is never the agent's
/// fault.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What kind of thing it is.
    pub kind: TroubleKind,
    /// What failed, on what, and why.
    pub message: String,
}

impl Trouble {
    /// Trouble of a kind.
    pub fn new(kind: TroubleKind, message: impl Into<String>) -> Trouble {
        Trouble { kind, message: message.into() }
    }

    /// Makes trouble out of an error of the system; `what` says what failed.
    pub fn because(kind: TroubleKind, what: &str) -> impl Fn(io::Error) -> Trouble {
        move |error| {
            let kind = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TroubleKind::DiskFull,
                io::ErrorKind::Interrupted => TroubleKind::Stopped,
                _ => kind,
            };
            Trouble::new(kind, format!("{what}: {error}"))
        }
    }

    /// As a result line has it.
    pub fn line(&self) -> LineError {
        let name = match self.kind {
            TroubleKind::Setup => "setup",
            TroubleKind::Check => "check",
            TroubleKind::TaskChanged => "task_changed",
            TroubleKind::Stopped => "interrupted",
            TroubleKind::DiskFull => DISK_FULL,
        };
        LineError { name: name.into(), message: self.message.clone() }
    }
}
