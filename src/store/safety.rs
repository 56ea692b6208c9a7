//! Whether somebody else could have written what we are about to believe.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};

/// Group and others, writing.
const WRITE_BY_OTHERS: u32 = 0o022;

/// Refuses a file or directory that another user can write to: its records say which processes are
/// signalled and which passwords are sent where. What is not there yet is fine.
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
