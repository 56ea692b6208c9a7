//! Whether a disk is full. It is asked only after something has failed: programs without room say
//! so in many ways, or cannot say it at all.

use std::fs;
use std::path::Path;

use rustix::fs::statvfs;

use crate::runner::programs::own_uid;

/// With less room than this, in bytes, a disk counts as full. A program that finds no room removes
/// a part of what it wrote before it ends, and no server begins its database with so little.
const LEAST: u64 = 1 << 20;

/// Whether the file system of a directory is as good as full. One that does not tell is not.
pub fn is_full(directory: &Path) -> bool {
    let Ok(found) = statvfs(directory) else { return false };
    // What is kept back for root is room for root.
    let (blocks, files) =
        if is_root() { (found.f_bfree, found.f_ffree) } else { (found.f_bavail, found.f_favail) };
    // File systems without a limit have 0 of 0.
    let lacks_blocks = found.f_blocks > 0 && blocks.saturating_mul(found.f_frsize) < LEAST;
    let lacks_files = found.f_files > 0 && files == 0;
    lacks_blocks || lacks_files
}

/// Whether this user is root of the machine, and not of a user namespace alone.
fn is_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    own_uid() == 0 && map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// What is said of a full disk; `why` is what failed on it.
pub fn full(directory: &Path, why: &str) -> String {
    format!("the disk of {} is full: {}", directory.display(), why.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_tell_its_room_is_not_full() {
        for path in ["/proc", "/no/such/directory"] {
            assert!(!is_full(Path::new(path)), "{path}");
        }
    }
}
