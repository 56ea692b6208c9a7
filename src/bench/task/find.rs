//! Finds the directories that a plan's `tasks` name.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::bench::glob;
use crate::bench::json::Piece;
use crate::error::Result;
use crate::sorting;

/// The directories that a path or a pattern names, sorted. An error if there are none: a mistyped
/// pattern would make a smaller benchmark without a word.
pub fn directories(piece: &Piece) -> Result<Vec<PathBuf>> {
    let pattern = piece.word()?;
    if pattern.split('/').any(|name| name == "**") {
        return Err(piece.wrong("cannot contain **").hint("* stands for one directory"));
    }
    let mut found = vec![PathBuf::from("/")];
    let whole = piece.source.base.join(&pattern);
    // The base is a path, whatever letters it has: only what the pattern says is one.
    let fixed = if Path::new(&pattern).is_absolute() { Path::new("/") } else { &piece.source.base };
    for (at, component) in whole.components().enumerate() {
        let Component::Normal(name) = component else {
            if component == Component::ParentDir {
                found.iter_mut().for_each(|path| path.push(".."));
            }
            continue;
        };
        let name = match name.to_str() {
            Some(name) if at >= fixed.components().count() && glob::is_pattern(name) => name,
            _ => {
                found.iter_mut().for_each(|path| path.push(name));
                continue;
            }
        };
        found = found.iter().flat_map(|parent| matching(parent, name)).collect();
    }
    found.retain(|path| path.is_dir());
    sorting::sort(&mut found);
    if found.is_empty() {
        let what = format!("names no directory: {}", whole.display());
        return Err(piece.wrong(&what));
    }
    Ok(found)
}

/// The directories of a directory whose names match. As in a shell, one whose name begins with a
/// dot must be asked for.
fn matching(parent: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let paths = entries.map(|entry| (entry.file_name(), entry.path()));
    let fits = |name: &[u8]| {
        (pattern.starts_with('.') || !name.starts_with(b".")) && glob::matches(pattern, name)
    };
    let fitting = paths.filter(|(name, path)| fits(name.as_bytes()) && path.is_dir());
    fitting.map(|(_, path)| path).collect()
}
