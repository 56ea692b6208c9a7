//! Removes trees that an agent has left in any state.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// How often removing is tried. Each try may find directories that the one before could not see.
const TRIES: usize = 8;

/// Removes a directory with everything below it, also what is unreadable, read-only or deeper than
/// a path can be long. It is no error if nothing is there. Links are removed and not followed.
pub fn all(path: &Path) -> io::Result<()> {
    for _ in 0..TRIES {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return fs::remove_file(path);
            }
            Err(_) => open_up(path),
        }
    }
    fs::remove_dir_all(path)
}

/// Lets the owner enter and change all directories, and moves those that are very deep to the top:
/// removing holds a descriptor for each level.
fn open_up(root: &Path) {
    let mut open = vec![(root.to_path_buf(), 0)];
    let mut moved = 0;
    while let Some((path, depth)) = open.pop() {
        let _ = fs::set_permissions(&path, Permissions::from_mode(0o700));
        if depth == DEEP {
            let to = free_name(root, &mut moved);
            let _ = fs::rename(&path, &to);
            open.push((to, 1));
            continue;
        }
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push((entry.path(), depth + 1));
            }
        }
    }
}

/// From how many levels on a directory is moved to the top: a path of as many names of the greatest
/// length (255 bytes) can still be used.
const DEEP: usize = 12;

fn free_name(root: &Path, moved: &mut usize) -> PathBuf {
    loop {
        *moved += 1;
        let name = root.join(format!(".moved-{moved}"));
        if fs::symlink_metadata(&name).is_err() {
            return name;
        }
    }
}
