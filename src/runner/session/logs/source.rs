//! Where log lines come from: OpenCode's log directory, or the log of one session.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::options::LogOptions;
use crate::error::{Code, Error, Result};
use crate::runner::context::{Context, DEFAULT_SESSION};
use crate::runner::session::select::{named, select};
use crate::sorting;

/// Where OpenCode writes its log, below the directory for data.
pub const OWN_LOG: &str = "opencode/log";

/// Where the lines come from.
pub enum Source {
    /// OpenCode's log directory.
    Directory(PathBuf),
    /// What the server of one session printed, and what it wrote to a log of its own.
    Session {
        /// `oc-…`.
        id: String,
        /// The file with what it printed.
        path: PathBuf,
        /// The directory of OpenCode's log, if the session has data of its own.
        own: Option<PathBuf>,
    },
}

impl Source {
    /// What the server of this session printed, or without a session OpenCode's own log.
    pub fn of(context: &Context, session: Option<&str>) -> Result<Source> {
        if let Some(word) = session {
            let record = select(context, &context.store.read()?, word)?;
            let id = record.id;
            let own = context.store.isolated_path(&id).join("data").join(OWN_LOG);
            let own = record.isolated.map(|_| own);
            return Ok(Source::Session { path: context.store.log_path(&id), id, own });
        }
        match context.environment.data_home() {
            Some(data) => Ok(Source::Directory(data.join(OWN_LOG))),
            None => Err(Error::failed("neither XDG_DATA_HOME nor HOME is set")
                .hint("OpenCode's log is below one of them")),
        }
    }

    /// The files, in the order of their last changes. 1.18 writes `opencode.log`; versions before
    /// it write one file for each start, named by its time. Without `all`, only the newest file of
    /// a directory.
    pub fn files(&self, all: bool) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        if let Some(directory) = self.directory() {
            let mut logs = logs_in(directory)?;
            sorting::sort(&mut logs);
            let newest = if all { 0 } else { logs.len().saturating_sub(1) };
            found.extend(logs.drain(newest..));
        }
        if let Source::Session { path, .. } = self
            && path.is_file()
            && let Ok(changed) = std::fs::metadata(path).and_then(|data| data.modified())
        {
            found.push((changed, path.clone()));
        }
        sorting::sort(&mut found);
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    fn directory(&self) -> Option<&Path> {
        match self {
            Source::Directory(directory) => Some(directory),
            Source::Session { own, .. } => own.as_deref(),
        }
    }

    /// The error for a log that does not exist. A log without a matching line is status 1, as in
    /// grep.
    pub fn nothing(&self) -> Error {
        match self {
            Source::Directory(directory) => {
                Error::failed(format!("there is no log in {}", directory.display()))
                    .hint("OpenCode writes it below XDG_DATA_HOME, or else ~/.local/share")
            }
            Source::Session { id, path, .. } => {
                Error::not_found(format!("session {id} has no log {}", path.display()))
            }
        }
    }

    /// The error for a log in which no line is what was asked for. `files` were looked at.
    pub fn no_match(&self, files: &[PathBuf], options: &LogOptions) -> Error {
        let mut wanted = String::from("no line");
        if let Some(level) = &options.level {
            wanted.push_str(&format!(" of level {level}"));
        }
        if let Some(pattern) = &options.pattern {
            wanted.push_str(&format!(" with {pattern:?}"));
        }
        let places: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let error = Error::failed(format!("{wanted} is in {}", places.join(", ")));
        let older = self.files(true).is_ok_and(|all| all.len() > files.len());
        if options.lines == 0 {
            return error.hint("--lines 0 shows nothing");
        }
        match self {
            _ if older => error.hint("--all looks into the older files as well"),
            Source::Directory(_) => error.hint("--session SESSION looks into a session's own log"),
            Source::Session { own: None, .. } => {
                error.hint("OpenCode itself writes to a log that occtl logs shows without SESSION")
            }
            Source::Session { .. } => error,
        }
    }
}

/// The error for a log that cannot be read.
pub fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::failed(format!("cannot read {}: {error}", path.display()))
}

/// The logs in a directory, with the times of their last changes. None if there is no directory.
fn logs_in(directory: &Path) -> Result<Vec<(SystemTime, PathBuf)>> {
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
    Ok(found)
}

/// The session that a word of `occtl logs` means: a dot, what begins with `oc-`, or a whole name.
/// `None` for any other word, which is a pattern.
pub fn named_session(context: &Context, word: &str) -> Result<Option<String>> {
    if word == DEFAULT_SESSION {
        return Ok(Some(select(context, &context.store.read()?, word)?.id));
    }
    if word.starts_with("oc-") {
        let record = context.store.read().and_then(|document| select(context, &document, word));
        return record.map(|record| Some(record.id)).map_err(|error| match &error.hint {
            Some(hint) if error.code == Code::NotFound => {
                let hint = format!("{hint}; --search {word} looks for it as text");
                error.hint(hint)
            }
            _ => error,
        });
    }
    // A store that cannot be read must not keep the user from searching the log.
    Ok(context.store.read().and_then(|document| named(&document, word)).unwrap_or(None))
}
