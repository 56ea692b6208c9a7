//! What is remembered of programs: the catalogues that are built into them, and the databases that
//! servers start from.
//!
//! A catalogue says where a provider's key is sent. So nothing is read that another user could have
//! written.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::store::{can_be_private, private_directory, unsafe_reason};

/// What is known of a program that was not used for so long is forgotten.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// The directory `memory`, which is made if it is missing. What others could have written is
/// removed with the whole directory, if all beside it is occtl's as well; otherwise it may be of
/// another program, nothing is remembered, and this is `None`.
pub fn trusted(memory: &Path) -> Option<&Path> {
    private_directory(memory).ok()?;
    // A link leads to what may be anything.
    if !memory.symlink_metadata().ok()?.is_dir() {
        return None;
    }
    if unsafe_reason(memory).is_some() {
        can_be_private(memory.parent()?).then_some(())?;
        // In one step, so that nothing of it is believed if this process is killed.
        let gone = memory.with_extension("gone");
        let _ = fs::remove_dir_all(&gone);
        fs::rename(memory, &gone).ok()?;
        let _ = fs::remove_dir_all(&gone);
        private_directory(memory).ok()?;
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
    fn what_others_could_have_written_is_not_believed_and_what_is_not_ours_not_changed() {
        let place = std::env::temp_dir().join(format!("occtl-others-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).unwrap();
        let memory = place.join("programs");
        let give = |path: &Path, rights| {
            fs::set_permissions(path, fs::Permissions::from_mode(rights)).unwrap();
        };
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        give(&place, 0o755);
        assert_eq!(trusted(&memory), Some(&*memory));
        assert_eq!(mode(&memory), 0o700, "a new one");
        fs::write(place.join("of-another-program"), "").unwrap();
        fs::write(memory.join("planted"), "").unwrap();
        for (rights, is_trusted) in [(0o755, true), (0o775, false), (0o2770, false)] {
            give(&memory, rights);
            assert_eq!(trusted(&memory).is_some(), is_trusted, "{rights:o}");
            assert_eq!(mode(&memory), rights, "it is left alone");
        }
        fs::remove_file(place.join("of-another-program")).unwrap();
        // What a process that was killed has left.
        fs::create_dir(place.join("programs.gone")).unwrap();
        assert_eq!(trusted(&memory), Some(&*memory), "all of it is occtl's");
        assert_eq!((mode(&memory), memory.join("planted").exists()), (0o700, false));
        assert!(!place.join("programs.gone").exists());
        let link = place.join("link");
        std::os::unix::fs::symlink(&memory, &link).unwrap();
        fs::write(place.join("file"), "").unwrap();
        assert_eq!((trusted(&link), trusted(&place.join("file"))), (None, None));
        fs::remove_dir_all(&place).unwrap();
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
