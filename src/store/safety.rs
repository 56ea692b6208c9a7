//! Keeps other users out: they can neither read what is written, nor have written what is read.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
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

/// Creates a directory that no other user can look into. A directory that exists stays as it is.
pub fn private_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // The umask cuts the mode above. A strict one would lock the user out.
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Opens a file for reading and writing that no other user can open, and creates it if it is
/// missing. A link is refused.
pub fn private_file(path: &Path, truncate: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(truncate).mode(0o600);
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    let file = options.open(path)?;
    if file.metadata()?.permissions().mode() & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
