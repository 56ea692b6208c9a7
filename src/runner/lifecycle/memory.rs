//! What is remembered of programs: the catalogues that are built into them, and the databases that
//! servers start from.
//!
//! A catalogue says where a provider's key is sent. So nothing is read that another user could have
//! written.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::store::{make_private, open_reason, private_directory, unsafe_reason};

/// What is known of a program that was not used for so long is forgotten.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// How the names end under which things are remembered.
pub const ENDINGS: [&str; 2] = [".models.json", ".database"];

/// The directory `memory`, made private. `None` if other users can still write there: then nothing
/// is remembered.
pub fn trusted(memory: &Path) -> Option<&Path> {
    private_directory(memory).ok()?;
    if open_reason(memory).is_some() {
        let was_safe = unsafe_reason(memory).is_none();
        make_private(memory).ok()?;
        if !was_safe {
            let is_known = |name: &str| ENDINGS.iter().any(|ending| name.ends_with(ending));
            for entry in memory.read_dir().ok()?.flatten() {
                if is_known(&entry.file_name().to_string_lossy()) {
                    forget(&entry.path());
                }
            }
        }
    }
    unsafe_reason(memory).is_none().then_some(memory)
}

/// Removes what is remembered of programs that are not used any more.
pub fn forget_unused(memory: &Path) {
    let now = SystemTime::now();
    for entry in memory.read_dir().into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|metadata| metadata.modified());
        let age = used.ok().and_then(|used| now.duration_since(used).ok());
        if age.is_some_and(|age| age > KEPT_FOR) {
            forget(&entry.path());
        }
    }
}

/// A directory gets another name first, so that none is found of which a part is gone.
fn forget(path: &Path) {
    let gone = path.with_extension("gone");
    if !path.is_dir() {
        let _ = fs::remove_file(path);
    } else if fs::rename(path, &gone).is_ok() {
        let _ = fs::remove_dir_all(&gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_others_could_have_written_is_forgotten_and_nothing_else() {
        let memory = std::env::temp_dir().join(format!("occtl-others-{}", std::process::id()));
        let _ = fs::remove_dir_all(&memory);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(trusted(&memory), Some(&*memory));
        assert_eq!(mode(&memory), 0o700);
        let fill = |rights| {
            fs::write(memory.join("1-2.models.json"), "{}").unwrap();
            fs::create_dir_all(memory.join("1-2.database")).unwrap();
            fs::write(memory.join("notes"), "of the user").unwrap();
            fs::set_permissions(&memory, fs::Permissions::from_mode(rights)).unwrap();
        };
        let left = || fs::read_dir(&memory).unwrap().count();
        for (rights, count) in [(0o700, 3), (0o755, 3), (0o775, 1), (0o777, 1)] {
            fill(rights);
            assert_eq!(trusted(&memory), Some(&*memory), "{rights:o}");
            assert_eq!((mode(&memory), left()), (0o700, count), "{rights:o}");
        }
        fs::remove_dir_all(&memory).unwrap();
        fs::write(&memory, "a file").unwrap();
        assert_eq!(trusted(&memory), None);
        fs::remove_file(&memory).unwrap();
    }

    #[test]
    fn what_is_known_of_programs_goes_when_it_was_not_used_for_a_month() {
        let memory = std::env::temp_dir().join(format!("occtl-memory-{}", std::process::id()));
        fs::create_dir_all(&memory).unwrap();
        for (name, days) in [("old", 31), ("used", 29), ("ahead", -90)] {
            let age = Duration::from_secs(24 * 3600) * i32::abs(days) as u32;
            let now = SystemTime::now();
            let time = if days < 0 { now + age } else { now - age };
            fs::File::create(memory.join(name)).unwrap().set_modified(time).unwrap();
        }
        let directory = memory.join("directory.database");
        fs::create_dir(&directory).unwrap();
        let long_ago = SystemTime::now() - 2 * KEPT_FOR;
        fs::File::open(&directory).unwrap().set_modified(long_ago).unwrap();
        forget_unused(&memory);
        assert!(!directory.exists() && fs::read_dir(&memory).unwrap().count() == 2);
        let left = |name: &str| memory.join(name).exists();
        assert_eq!([left("old"), left("used"), left("ahead")], [false, true, true]);
        fs::remove_dir_all(&memory).unwrap();
        forget_unused(&memory);
    }
}
