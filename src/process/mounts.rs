//! Which file system a path is on, found out without a look at the path: that look is what hangs
//! where a file system does not answer.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// File systems that wait for a server or for another process, besides all of FUSE.
const WAITING: [&str; 12] = [
    "9p",
    "afs",
    "autofs",
    "ceph",
    "cifs",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "virtiofs",
];

/// The type of the file system that an absolute path without links is on, if it is one that may
/// wait for ever. Without `/proc` that is not known.
pub fn waiting_file_system(path: &Path) -> Option<String> {
    let mounts = fs::read("/proc/self/mountinfo").ok()?;
    waits(file_system(&mounts, path)?)
}

fn waits(kind: String) -> Option<String> {
    (WAITING.contains(&kind.as_str()) || kind.starts_with("fuse")).then_some(kind)
}

/// The type of the file system that is mounted nearest above a path. Of several that are mounted at
/// one place the last one is seen. The form of the file is in proc(5).
fn file_system(mounts: &[u8], path: &Path) -> Option<String> {
    let mut found: Option<(PathBuf, String)> = None;
    for line in mounts.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b' ');
        let Some(place) = fields.nth(4).map(unescaped) else { continue };
        // Optional fields of any number end in a dash.
        let Some(kind) = fields.skip_while(|field| *field != b"-").nth(1) else { continue };
        let is_nearer = found.as_ref().is_none_or(|(other, _)| place.starts_with(other));
        if path.starts_with(&place) && is_nearer {
            found = Some((place, String::from_utf8_lossy(kind).into_owned()));
        }
    }
    found.map(|(_, kind)| kind)
}

/// A path as it is, in which blanks are written as `\040`.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..3).filter(|_| first == b'\\');
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                path.push(byte);
                rest = &tail[3..];
            }
            None => {
                path.push(first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
        40 22 0:50 / /srv/my\\040data rw shared:5 master:2 - nfs4 host:/x rw\n\
        41 22 0:51 / /mnt rw - fuse.sshfs host: rw\n\
        42 41 0:52 / /mnt rw - tmpfs tmpfs rw\n\
        43 22 0:53 / /mnt/deep rw - fuse none rw\n";

    #[test]
    fn the_nearest_and_last_mount_above_a_path_decides() {
        let kind = |path: &str| file_system(MOUNTS.as_bytes(), Path::new(path)).unwrap();
        assert_eq!(kind("/home/me"), "ext4");
        assert_eq!(kind("/srv/my data/project"), "nfs4");
        assert_eq!(kind("/srv/my data2"), "ext4");
        assert_eq!(kind("/mnt/x"), "tmpfs");
        assert_eq!(kind("/mnt/deep/x"), "fuse");
        let waits = |kind: &str| waits(kind.into()).is_some();
        assert!(waits("nfs4") && waits("fuse.sshfs") && !waits("ext4") && !waits("tmpfs"));
    }
}
