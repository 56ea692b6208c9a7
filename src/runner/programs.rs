//! What `bench` needs of processes: it starts programs that are no servers.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub use crate::process::{
    Detached, Ending, Guardian, Handle, Variables, attend, attend_fed, become_subreaper,
    each_marked, end_everything, largest_child, own_home, own_uid, terminate_with, wait_any,
};

/// What begins every program. Something else is a script, and the program behind it is another
/// file, which may be another one each time.
const ELF: &[u8] = b"\x7fELF";

/// A name for what is behind a path as it is now, if that is a program.
pub fn known_as(program: &Path) -> Option<String> {
    let program = program.canonicalize().ok()?;
    let mut first = [0; ELF.len()];
    File::open(&program).ok()?.read_exact(&mut first).ok()?;
    (first == ELF).then(|| as_it_is(&program))?
}

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
