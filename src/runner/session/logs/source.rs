//! Where log lines come from: OpenCode's log directory, or the log of one session.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::select::select;

/// Where OpenCode writes its log, below the directory for data.
pub const OWN_LOG: &str = "opencode/log";

/// Where the lines come from.
pub enum Source {
    /// OpenCode's log directory.
    Directory(PathBuf),
    /// What the server of one session printed.
    Session {
        /// `oc-…`.
        id: String,
        /// The file.
        path: PathBuf,
    },
}

impl Source {
    /// What the server of this session printed, or without a session OpenCode's own log.
    pub fn of(context: &Context, session: Option<&str>) -> Result<Source> {
        if let Some(word) = session {
            let id = select(context, &context.store.read()?, word)?.id;
            return Ok(Source::Session { path: context.store.log_path(&id), id });
        }
        match context.environment.data_home() {
            Some(data) => Ok(Source::Directory(data.join(OWN_LOG))),
            None => Err(Error::failed("neither XDG_DATA_HOME nor HOME is set")
                .hint("OpenCode's log is below one of them")),
        }
    }

    /// The files, in the order of their last changes. 1.18 writes `opencode.log`; versions before
    /// it write one file for each start, named by its time.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let directory = match self {
            Source::Session { path, .. } if path.is_file() => return Ok(vec![path.clone()]),
            Source::Session { .. } => return Ok(Vec::new()),
            Source::Directory(directory) => directory,
        };
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(directory, error)),
        };
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            let is_log = path.extension().is_some_and(|end| end == "log") && path.is_file();
            let Ok(changed) = entry.metadata().and_then(|data| data.modified()) else { continue };
            if is_log {
                found.push((changed, path));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// The error for a log that does not exist. A log without a matching line is status 1, as in
    /// grep.
    pub fn nothing(&self) -> Error {
        match self {
            Source::Directory(directory) => {
                Error::failed(format!("there is no log in {}", directory.display()))
                    .hint("OpenCode writes it below XDG_DATA_HOME, or else ~/.local/share")
            }
            Source::Session { id, path } => {
                Error::new(Code::NotFound, format!("session {id} has no log {}", path.display()))
            }
        }
    }
}

/// The error for a log that cannot be read.
pub fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::failed(format!("cannot read {}: {error}", path.display()))
}

/// Whether a word of `occtl logs` means a session and not a pattern: it begins with `oc-` and is an
/// id, or the beginning of one. A whole id that no session has is an error.
pub fn names_session(context: &Context, word: &str) -> Result<bool> {
    let Some(digits) = word.strip_prefix("oc-") else { return Ok(false) };
    match select(context, &context.store.read()?, word) {
        Ok(_) => Ok(true),
        Err(error) => {
            let is_id = digits.len() == 8 && digits.chars().all(|c| c.is_ascii_hexdigit());
            if is_id { Err(error) } else { Ok(false) }
        }
    }
}
