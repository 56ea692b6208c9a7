//! Keeps other users out: they can neither read what is written, nor have written what is read.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::{Error, Result};

/// Write permission of group and others.
const WRITE_BY_OTHERS: u32 = 0o022;

/// Any permission of group and others.
const ACCESS_BY_OTHERS: u32 = 0o077;

/// The sticky bit and the setgid bit of directories.
const SHARED_ON_PURPOSE: u32 = 0o3000;

/// What occtl makes in its data directory, besides damaged stores that were set aside.
const OWN_NAMES: [&str; 10] = [
    "store.json",
    "store.lock",
    ".store.json.new",
    "logs",
    "isolated",
    "kept",
    "locks",
    "queue",
    "programs",
    "programs.gone",
];

/// Refuses a file or directory that another user can write to: its records decide which processes
/// get signals and where passwords are sent. A missing file is fine.
pub fn check(path: &Path) -> Result<()> {
    unsafe_reason(path).map_or(Ok(()), Err)
}

/// Refuses a data directory that is none, or that is not safe. A missing one is fine.
pub fn check_directory(path: &Path) -> Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir()) {
        let error = Error::store(format!("the data directory {} is no directory", path.display()));
        return Err(error.hint("OCCTL_DATA_DIR names another one"));
    }
    check(path)
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
        return Some(if can_be_private(path) {
            error.hint(format!("chmod go= {shown}; occtl doctor --fix does it"))
        } else {
            error.hint("it is shared: set OCCTL_DATA_DIR to a directory of your own")
        });
    }
    None
}

/// Why other users can look into a file or directory; `None` if they cannot.
pub fn open_reason(path: &Path) -> Option<Error> {
    let metadata = fs::metadata(path).ok()?;
    if metadata.mode() & ACCESS_BY_OTHERS == 0 {
        return None;
    }
    let shown = path.display();
    let error = Error::store(format!("other users can look into {shown}"));
    Some(if can_be_private(path) {
        error.hint(format!("chmod go= {shown}; occtl doctor --fix does it"))
    } else {
        error.hint("it holds other files too: set OCCTL_DATA_DIR to a directory of your own")
    })
}

/// Whether group and others may lose their rights to a path. A directory that is shared on purpose
/// keeps them: one of another owner, one with a sticky or setgid bit, one that holds anything but
/// files of occtl.
pub fn can_be_private(path: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let Ok(metadata) = fs::metadata(path) else { return false };
    if metadata.uid() != own {
        return false;
    }
    let is_own = |name: &OsStr| {
        let name = name.to_string_lossy();
        OWN_NAMES.contains(&&*name) || name.starts_with("store.json.damaged-")
    };
    // Nothing else is occtl's: a device that is private is of no use to others.
    metadata.is_file()
        || metadata.is_dir()
            && metadata.mode() & SHARED_ON_PURPOSE == 0
            && fs::read_dir(path).is_ok_and(|mut entries| {
                entries.all(|entry| entry.is_ok_and(|entry| is_own(&entry.file_name())))
            })
}

/// Takes the rights of group and others from a path that [`can_be_private`].
pub fn make_private(path: &Path) -> io::Result<()> {
    let mode = if fs::metadata(path)?.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Makes the data directory or the store private that 0.4.0 made with the rights of any others. The
/// store has the passwords of servers in it, so that commands which only read do this as well.
pub fn tighten(path: &Path) {
    if unsafe_reason(path).is_none() && open_reason(path).is_some() && can_be_private(path) {
        // What stays open is only less than what is wanted; `doctor` says so.
        let _ = make_private(path);
    }
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
