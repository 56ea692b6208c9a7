//! Reads logs: OpenCode's own, and what a session's server printed.

pub mod asking;
pub mod file;
pub mod line;
pub mod options;
pub mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use line::{LEVELS, LogLine, level};
pub use options::LogOptions;
pub use source::named_session;

use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::signals::Signals;
use crate::sorting;
use crate::units::{TICK, pause};
use file::{LineReader, last_matching};
use source::{Source, unreadable};

/// Takes one line after the other. `None` brings no line and only asks whether the caller still
/// wants any; the answer is false if it does not.
pub type Take<'a> = &'a mut dyn FnMut(Option<&str>) -> Result<bool>;

/// Hands over the last lines that match, oldest first, and with `follow` also all lines that are
/// added later. An error that says where it looked if there is no such line.
pub fn logs(context: &Context, options: &LogOptions, take: Take) -> Result<()> {
    let signals = context.catch_signals()?;
    let source = Source::of(context, options.session.as_deref())?;
    let pattern = options.pattern.as_ref().map(|pattern| pattern.to_lowercase());
    let is_wanted = |line: &str| {
        options.level.as_deref().is_none_or(|wanted| level(line) == Some(wanted))
            && pattern.as_ref().is_none_or(|pattern| line.to_lowercase().contains(pattern))
    };
    let files = source.files(options.all)?;
    if files.is_empty() && !options.follow {
        return Err(source.nothing());
    }
    let mut output = Output { is_wanted: &is_wanted, take, shown: 0 };
    let mut newest = None;
    for (path, start) in starts(&files, options.lines, &is_wanted)? {
        let mut reader = LineReader::open(path, start).map_err(|error| unreadable(path, error))?;
        // A line that was written since the last lines were counted is one too many, which does no
        // harm.
        if !output.hand_over(&mut reader, !options.follow)? {
            return Ok(());
        }
        newest = Some(reader);
    }
    if options.follow {
        return follow(&source, &signals, newest, &mut output);
    }
    if output.shown == 0 && (output.take)(None)? {
        return Err(source.no_match(&files, options));
    }
    Ok(())
}

/// The files that hold the last `lines` wanted lines, the oldest first, and the offset at which the
/// first of these lines begins in each.
fn starts<'a>(
    files: &'a [PathBuf],
    lines: usize,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<(&'a Path, u64)>> {
    let mut missing = lines;
    let mut starts = Vec::new();
    for path in files.iter().rev() {
        let last =
            last_matching(path, missing, is_wanted).map_err(|error| unreadable(path, error))?;
        missing -= last.count;
        starts.push((path.as_path(), last.start));
        if missing == 0 {
            break;
        }
    }
    starts.reverse();
    Ok(starts)
}

/// Where wanted lines go.
struct Output<'a> {
    is_wanted: &'a dyn Fn(&str) -> bool,
    take: Take<'a>,
    shown: usize,
}

impl Output<'_> {
    /// Hands over the complete lines that are there, and with `rest` an incomplete last one. False
    /// if the caller wants no more.
    fn hand_over(&mut self, reader: &mut LineReader, rest: bool) -> Result<bool> {
        while let Some(line) =
            reader.next(rest).map_err(|error| unreadable(reader.path(), error))?
        {
            if !line.is_empty() && (self.is_wanted)(&line) {
                self.shown += 1;
                if !(self.take)(Some(&line))? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// Hands over lines as they are added, until the caller wants no more or a signal arrives. A file
/// that was cut or replaced is read from its start, and a new file is the next one.
fn follow(
    source: &Source,
    signals: &Signals,
    mut reader: Option<LineReader>,
    output: &mut Output,
) -> Result<()> {
    // Several servers may write to files of their own in turns: only a new file is the next one.
    let mut known: BTreeSet<PathBuf> = match reader {
        Some(_) => sorting::set(source.files(true)?),
        None => BTreeSet::new(),
    };
    loop {
        if let Some(reader) = &mut reader
            && !output.hand_over(reader, false)?
        {
            return Ok(());
        }
        if let Some(code) = signals.received() {
            return Err(Error::new(code, code.interrupted()));
        }
        if !(output.take)(None)? {
            return Ok(());
        }
        let files = source.files(true)?;
        let new = files.iter().rev().find(|path| !known.contains(*path)).cloned();
        known.extend(files);
        let restarted = reader.as_ref().filter(|reader| reader.is_restarted());
        let next = new.or_else(|| restarted.map(|reader| reader.path().to_path_buf()));
        let Some(path) = next else {
            pause(TICK);
            continue;
        };
        // The server may have written one more line to the old file.
        if let Some(reader) = &mut reader
            && !output.hand_over(reader, false)?
        {
            return Ok(());
        }
        reader = LineReader::open(&path, 0).ok();
    }
}
