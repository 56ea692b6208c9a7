//! Reads logs: those that OpenCode itself writes, and what a session's server printed.

pub mod file;
pub mod line;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

pub use line::{LEVELS, LogLine, level};

use super::select::select;
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::signals::Signals;
use crate::units::{TICK, pause};
use file::{LineReader, last};

/// What of which log is wanted.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Only lines that hold this, in whatever case.
    pub pattern: Option<String>,
    /// What this session's server printed, instead of OpenCode's own log.
    pub session: Option<String>,
    /// Go on as the log grows.
    pub follow: bool,
    /// How many of the last lines.
    pub lines: usize,
    /// Only lines of this level.
    pub level: Option<String>,
    /// All files of the directory, not only the newest.
    pub all: bool,
}

/// Takes the lines. False means that nobody wants more; an empty look is only the question.
pub type Take<'a> = &'a mut dyn FnMut(Option<&str>) -> Result<bool>;

/// Hands over the last lines that match, oldest first, and with `follow` all that come; how many.
pub fn logs(context: &Context, options: &LogOptions, take: Take) -> Result<usize> {
    let signals = context.catch_signals()?;
    let mut source = source(context, options)?;
    let pattern = options.pattern.as_ref().map(|pattern| pattern.to_lowercase());
    let wanted = |text: &str| {
        options.level.as_deref().is_none_or(|wanted| level(text) == Some(wanted))
            && pattern.as_ref().is_none_or(|pattern| text.to_lowercase().contains(pattern))
    };
    let files = source.files()?;
    if files.is_empty() && !options.follow {
        return Err(source.nothing());
    }
    let files = if options.all { &files[..] } else { &files[files.len().saturating_sub(1)..] };
    let (mut missing, mut places) = (options.lines, Vec::new());
    for path in files.iter().rev() {
        let (start, found) = last(path, missing, &wanted).map_err(|error| failed(path, error))?;
        missing -= found;
        places.push((path, start));
        if missing == 0 {
            break;
        }
    }
    let (mut shown, mut reader) = (0, None);
    for (path, start) in places.into_iter().rev() {
        let mut open = LineReader::open(path, start).map_err(|error| failed(path, error))?;
        let whole = !options.follow;
        while let Some(text) = open.next(whole).map_err(|error| failed(path, error))? {
            if text.is_empty() || !wanted(&text) {
                continue;
            }
            // What came after the look backwards is one more than was asked for, and no harm.
            shown += 1;
            if !take(Some(&text))? {
                return Ok(shown);
            }
        }
        reader = Some((path.clone(), open));
    }
    match options.follow {
        true => follow(&mut source, &signals, reader, &wanted, take).map(|count| shown + count),
        false => Ok(shown),
    }
}

/// Goes on for ever: lines that are added, from the start where the file was cut or replaced, and in
/// the next file where one appears.
fn follow(
    source: &mut Source,
    signals: &Signals,
    mut reader: Option<(PathBuf, LineReader)>,
    wanted: &dyn Fn(&str) -> bool,
    take: Take,
) -> Result<usize> {
    // Several servers may write to files of their own in turns: only one that is new is the next.
    let mut known: BTreeSet<PathBuf> = source.files()?.into_iter().collect();
    if reader.is_none() {
        known.clear();
    }
    let mut shown = 0;
    loop {
        if !drain(&mut reader, wanted, &mut shown, take)? {
            return Ok(shown);
        }
        if let Some(code) = signals.received() {
            return Err(Error::new(code, "interrupted"));
        }
        if !take(None)? {
            return Ok(shown);
        }
        let files = source.files()?;
        let new = files.iter().rev().find(|path| !known.contains(*path)).cloned();
        let again = match &mut reader {
            Some((path, open)) => open.replaced(path) || open.cut().unwrap_or(true),
            None => false,
        };
        let next = new.or_else(|| reader.as_ref().filter(|_| again).map(|(path, _)| path.clone()));
        known.extend(files);
        match next {
            Some(path) => {
                // Its writer may have had a last word for the old file.
                if !drain(&mut reader, wanted, &mut shown, take)? {
                    return Ok(shown);
                }
                reader = LineReader::open(&path, 0).ok().map(|open| (path, open));
            }
            None => pause(TICK),
        }
    }
}

/// Hands over the complete lines that are there; false if nobody wants more.
fn drain(
    reader: &mut Option<(PathBuf, LineReader)>,
    wanted: &dyn Fn(&str) -> bool,
    shown: &mut usize,
    take: Take,
) -> Result<bool> {
    let Some((path, open)) = reader else { return Ok(true) };
    while let Some(text) = open.next(false).map_err(|error| failed(path, error))? {
        if !text.is_empty() && wanted(&text) {
            *shown += 1;
            if !take(Some(&text))? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Where the lines come from.
enum Source {
    /// OpenCode's log directory.
    Directory(PathBuf),
    /// One file, and the session whose it is.
    File(PathBuf, String),
}

fn source(context: &Context, options: &LogOptions) -> Result<Source> {
    if let Some(word) = &options.session {
        let id = select(&context.store.read()?, word)?.id;
        return Ok(Source::File(context.store.log_path(&id), id));
    }
    let environment = &context.environment;
    let data = match (environment.get("XDG_DATA_HOME"), environment.get("HOME")) {
        (Some(data), _) => environment.absolute(Path::new(data)),
        (None, Some(home)) => environment.absolute(Path::new(home)).join(".local/share"),
        (None, None) => {
            return Err(Error::failed("neither XDG_DATA_HOME nor HOME is set")
                .hint("OpenCode's log is below one of them"));
        }
    };
    Ok(Source::Directory(data.join("opencode/log")))
}

impl Source {
    /// The files, the oldest first. 1.18 writes `opencode.log`; versions before it one file a start,
    /// named by its time. The one that was written last is the newest.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let directory = match self {
            Source::File(path, _) => {
                return Ok(path.is_file().then(|| path.clone()).into_iter().collect());
            }
            Source::Directory(directory) => directory,
        };
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(directory, error)),
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

    /// Nothing found is status 1, as of grep.
    fn nothing(&self) -> Error {
        match self {
            Source::Directory(directory) => {
                Error::failed(format!("there is no log in {}", directory.display()))
                    .hint("OpenCode writes it below XDG_DATA_HOME, or else ~/.local/share")
            }
            Source::File(path, session) => Error::new(
                Code::NotFound,
                format!("session {session} has no log {}", path.display()),
            ),
        }
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::failed(format!("cannot read {}: {error}", path.display()))
}

/// Whether a word of `occtl logs` means a session: it begins with `oc-` and is the whole id, or the
/// beginning of one. A whole id that is none of ours is an error and no pattern.
pub fn names_session(context: &Context, word: &str) -> Result<bool> {
    let Some(digits) = word.strip_prefix("oc-") else { return Ok(false) };
    match select(&context.store.read()?, word) {
        Ok(_) => Ok(true),
        Err(error) => {
            let id = digits.len() == 8 && digits.chars().all(|c| c.is_ascii_hexdigit());
            if id { Err(error) } else { Ok(false) }
        }
    }
}
