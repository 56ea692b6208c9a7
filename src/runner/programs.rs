//! What `bench` needs of processes: it starts programs that are no servers.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub use crate::process::{
    Detached, Ending, Guardian, Handle, Identity, Variables, attend, attend_fed, become_subreaper,
    each_marked, end_everything, largest_child, own_home, own_uid, terminate_with_us, wait_any,
};

/// A name for a file as it is now. One that was changed or replaced has another name, so what is
/// known of a program can be remembered under it.
pub fn as_it_is(path: &Path) -> Option<String> {
    let file = fs::metadata(path).ok()?;
    Some(format!(
        "{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}",
        file.dev(),
        file.ino(),
        file.size(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec()
    ))
}
