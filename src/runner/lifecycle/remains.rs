//! What a session leaves on request when it goes: its database and state, and its log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::isolate;
use super::worktree::quoted;
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::store::{Record, private_directory};

/// The name of the file with what the server printed, beside its data.
const PRINTED: &str = "server.log";

/// Moves a session's own data to where nothing takes it for a left-over, and says where that is and
/// how it goes. Nothing is said if there was nothing.
pub fn keep_data(context: &Context, record: &Record) -> Result<()> {
    let kept = context.store.kept_path(&record.id);
    isolate::keep(&context.store.isolated_path(&record.id), &kept)?;
    say(context, record, "database, state", &kept);
    Ok(())
}

/// The same with what the server printed.
pub fn keep_all(context: &Context, record: &Record) -> Result<()> {
    let (data, printed) =
        (context.store.isolated_path(&record.id), context.store.log_path(&record.id));
    let part = unfinished(context, &record.id);
    let mut what = Vec::new();
    if record.isolated.is_some() && data.exists() {
        isolate::keep(&data, &part)?;
        what.push("database, state");
    }
    let failed =
        |error: io::Error| Error::failed(format!("cannot keep {}: {error}", printed.display()));
    if printed.exists() {
        private_directory(&part).map_err(failed)?;
        fs::rename(&printed, part.join(PRINTED)).map_err(failed)?;
        what.push("log");
    }
    if what.is_empty() {
        return Ok(());
    }
    // In one step, so that the guard of a `run` that is killed before knows what was not told of.
    let kept = context.store.kept_path(&record.id);
    fs::rename(&part, &kept).map_err(failed)?;
    say(context, record, &what.join(", "), &kept);
    Ok(())
}

/// Removes what was being kept when the process that did it was killed.
pub fn forget_unfinished(context: &Context, session: &str) -> Result<()> {
    isolate::remove(&unfinished(context, session))
}

fn unfinished(context: &Context, session: &str) -> PathBuf {
    context.store.kept_path(&format!("{session}.part"))
}

fn say(context: &Context, record: &Record, what: &str, kept: &Path) {
    let (id, word) = (&record.id, quoted(&kept.to_string_lossy()));
    let kept = kept.display();
    (context.say)(&format!(
        "what is left of {id} ({what}) is kept in {kept}; to remove it: rm -r {word}"
    ));
}
