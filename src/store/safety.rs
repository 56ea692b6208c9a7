//! Checks that no other user could have written what is about to be read.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};

/// Write permission of group and others.
const WRITE_BY_OTHERS: u32 = 0o022;

/// Refuses a file or directory that another user can write to: its records decide which processes
/// get signals and where passwords are sent. A missing file is fine.
pub fn check(path: &Path) -> Result<()> {
    unsafe_reason(path).map_or(Ok(()), Err)
}

/// Why a file or directory cannot be trusted; `None` if it can.
pub fn unsafe_reason(path: &Path) -> Option<Error> {
    let metadata = fs::metadata(path).ok()?;
    let shown = path.display();
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && metadata.uid() != 0 {
        let owner = metadata.uid();
        let error = Error::store(format!("{shown} belongs to user {owner}, not to you"));
        return Some(error.hint("OCCTL_DATA_DIR names another data directory"));
    }
    if metadata.mode() & WRITE_BY_OTHERS != 0 {
        let error = Error::store(format!("other users can write to {shown}"));
        return Some(error.hint(format!("chmod go-w {shown}; occtl doctor --fix does it")));
    }
    None
}
