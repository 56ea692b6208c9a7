//! Which OpenCode an arm uses, and whether it is still the same.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::hash;
use crate::error::Result;
use crate::runner::Environment;
use crate::runner::programs::as_it_is;

/// How to get OpenCode. No flag and no variable names it here, because a plan says all that a run
/// depends on.
const MISSING: &str = "install it with: npm install -g opencode-ai; \
                       or name it in the plan, as opencode of the arm";

/// The arm's OpenCode program.
pub struct Program {
    /// Its path, absolute and without links.
    pub path: PathBuf,
    /// SHA-256 of its content.
    pub sha256: String,
}

impl Program {
    /// Finds an arm's program and hashes it. The program has more than a hundred megabytes, so the
    /// hash is remembered in the directory `memory`, for exactly this file as it is now.
    pub fn of(environment: &Environment, opencode: &str, memory: &Path) -> Result<Program> {
        let found = environment.opencode(Some(Path::new(opencode)));
        let found = found.map_err(|error| error.hint(MISSING))?;
        let path = found.canonicalize().unwrap_or(found);
        let note = as_it_is(&path).map(|name| memory.join(format!("{name}.sha256")));
        let noted = note.as_ref().and_then(|note| fs::read_to_string(note).ok());
        if let Some(sha256) = noted.filter(|text| is_hash(text)) {
            return Ok(Program { path, sha256 });
        }
        let sha256 = hash::file(&path)?;
        if let Some(note) = note {
            // Renamed into place, because other runs may read it at any moment.
            let partial = note.with_extension(std::process::id().to_string());
            let written = fs::create_dir_all(memory).and_then(|()| fs::write(&partial, &sha256));
            let _ = written.and_then(|()| fs::rename(&partial, &note));
        }
        Ok(Program { path, sha256 })
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::runner::environment::tests::environment;

    #[test]
    fn a_program_that_is_missing_is_to_be_named_in_the_plan_and_by_no_flag_or_variable() {
        let elsewhere = environment(&[("OCCTL_OPENCODE", "/bin/sh"), ("PATH", "/nonexistent")]);
        let error = Program::of(&elsewhere, "opencode", Path::new("/nonexistent")).err().unwrap();
        assert!(error.to_string().starts_with("there is no opencode on PATH"), "{error}");
        let hint = error.hint.clone().unwrap();
        assert!(hint.contains("in the plan") && !hint.contains("OCCTL_OPENCODE"), "{hint}");
    }

    #[test]
    fn a_program_that_was_swapped_has_another_hash_although_the_old_one_is_remembered() {
        let directory = std::env::temp_dir().join(format!("occtl-program-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("opencode");
        let memory = directory.join("memory");
        let hash_of = |content: &str| {
            let new = directory.join("new");
            fs::write(&new, content).unwrap();
            fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
            fs::rename(new, &path).unwrap();
            let environment = environment(&[]);
            let name = path.display().to_string();
            let again = || Program::of(&environment, &name, &memory).unwrap().sha256;
            let first = again();
            assert_eq!(again(), first);
            first
        };
        assert_ne!(hash_of("one"), hash_of("two"));
        assert_eq!(fs::read_dir(&memory).unwrap().count(), 2);
        fs::remove_dir_all(&directory).unwrap();
    }
}
