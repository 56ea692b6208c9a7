//! The data directory and the store in it.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::finding::Finding;
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::store::{Document, can_be_private, make_private, open_reason, unsafe_reason};

/// Less room than this is soon none: a server's log and database grow.
const LEAST_FREE_BYTES: u64 = 100 << 20;

pub fn check(context: &Context, fix: bool) -> Vec<Finding> {
    let directory = context.store.directory();
    if !directory.exists() {
        return vec![Finding::good(
            "data",
            format!("{} will be made when needed", directory.display()),
        )];
    }
    if !directory.is_dir() {
        let what = format!("{} is no directory", directory.display());
        return vec![Finding::bad("data", what, "OCCTL_DATA_DIR names another one")];
    }
    let mut findings = Vec::new();
    let lock_file = directory.join("store.lock");
    for path in [directory.to_path_buf(), context.store.path(), lock_file] {
        findings.extend(permissions(&path, fix));
    }
    findings.push(room(directory));
    findings.push(lock(context));
    findings.push(store(context, fix));
    findings.extend(unfinished(context, fix));
    findings
}

/// What a writer left that was killed before its file could take the store's place.
fn unfinished(context: &Context, fix: bool) -> Option<Finding> {
    let path = context.store.unfinished()?;
    let detail = format!("{} was never finished", path.display());
    let finding = Finding::warning("file", detail, "the next change of the store overwrites it");
    let remove = || context.store.remove_unfinished();
    Some(if fix { finding.after(remove().map(|()| "removed")) } else { finding })
}

fn permissions(path: &Path, fix: bool) -> Option<Finding> {
    let shown = path.display().to_string();
    let advice = |error: &Error| error.hint.clone().unwrap_or_default();
    let finding = match unsafe_reason(path).or_else(|| closed_reason(path)) {
        Some(error) => Finding::bad("permissions", &error.message, &advice(&error)),
        None => match open_reason(path)? {
            error if can_be_private(path) => {
                Finding::bad("permissions", &error.message, &advice(&error))
            }
            // The files in it are private all the same.
            error => Finding::warning("permissions", &error.message, &advice(&error)),
        },
    };
    let finding = finding.of(&shown);
    // A directory that others use too is not ours to close.
    if !fix || !can_be_private(path) {
        return Some(finding);
    }
    Some(finding.after(own(path).map(|()| "only its owner has rights to it now")))
}

/// Why we cannot use what is ours.
fn closed_reason(path: &Path) -> Option<Error> {
    let mut needed = Access::READ_OK | Access::WRITE_OK;
    needed.set(Access::EXEC_OK, path.is_dir());
    match access(path, needed) {
        Ok(()) | Err(Errno::NOENT) => None,
        Err(error) => Some(
            Error::failed(format!("{}: {error}", path.display()))
                .hint("occtl must be able to read and write it"),
        ),
    }
}

fn own(path: &Path) -> Result<()> {
    make_private(path)
        .map_err(|error| Error::failed(format!("cannot change {}: {error}", path.display())))?;
    unsafe_reason(path).or_else(|| closed_reason(path)).map_or(Ok(()), Err)
}

fn room(directory: &Path) -> Finding {
    let shown = directory.display();
    match rustix::fs::statvfs(directory) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let detail = format!("{} MiB are free at {shown}", free >> 20);
            if free < LEAST_FREE_BYTES {
                return Finding::bad("disk", detail, "make room, or set OCCTL_DATA_DIR");
            }
            Finding::good("disk", detail)
        }
        Err(error) => Finding::bad("disk", format!("{shown}: {error}"), "set OCCTL_DATA_DIR"),
    }
}

fn lock(context: &Context) -> Finding {
    let path = context.store.directory().join("store.lock");
    match context.store.lock_is_free() {
        Ok(true) => Finding::good("lock", "no process holds it"),
        Ok(false) => Finding::warning(
            "lock",
            format!("a process holds {}", path.display()),
            &format!("if it stays so: fuser {} names the process", path.display()),
        ),
        Err(error) => {
            Finding::bad("lock", error.into_message(), "occtl must be able to write there")
        }
    }
}

fn store(context: &Context, fix: bool) -> Finding {
    let count = |document: &Document| {
        document.records().try_fold(0_usize, |count, record| record.map(|_| count + 1))
    };
    let read = context.store.read();
    // A store of another layout is whole, but not for this occtl.
    if let Ok(document) = &read
        && !document.has_strange_layout()
        && let Err(error) = document.check_layout()
    {
        let advice = error.hint.clone().unwrap_or_default();
        return Finding::bad("store", error.into_message(), &advice);
    }
    match read.and_then(|document| document.check_layout().and_then(|_| count(&document))) {
        Ok(count) => Finding::good("store", format!("{count} sessions")),
        Err(error) => {
            let path = context.store.path();
            // A store that only cannot be reached may be undamaged.
            let damaged = unsafe_reason(context.store.directory()).is_none()
                && unsafe_reason(&path).is_none()
                && path.is_file()
                && File::open(&path).is_ok();
            let advice = if damaged {
                "occtl doctor --fix sets it aside and rebuilds it from the running servers"
            } else {
                "nothing is known of its sessions until it can be read"
            };
            let finding = Finding::bad("store", error.into_message(), advice);
            if !fix || !damaged {
                return finding;
            }
            match context.store.set_aside() {
                Ok(Some(aside)) => finding.after(Ok(&format!("set aside as {}", aside.display()))),
                Ok(None) => finding.after(Ok("another process has mended it")),
                Err(error) => finding.after(Err(error)),
            }
        }
    }
}
