//! The surroundings of this process as values.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::process::{self, Variables};
use crate::units::{FIRST_PORT, LAST_PORT};

/// An id in a file of `/tmp` is one short line; a longer file holds no id.
const LONGEST_ID: u64 = 256;

/// Variables and working directory of this process. It cannot be printed, because variables hold
/// passwords and the keys of providers.
#[derive(Clone)]
pub struct Environment {
    /// All variables.
    pub variables: Variables,
    /// The working directory; `None` if it is gone.
    pub directory: Option<PathBuf>,
    /// Where programs leave files for other programs: `/tmp`.
    pub temporary: PathBuf,
}

impl Environment {
    /// The default of `--timeout` where a turn or a conversation is waited for.
    pub const TIMEOUT: &str = "OCCTL_TIMEOUT";
    /// The model of a new conversation.
    pub const MODEL: &str = "OCCTL_MODEL";

    /// The environment of this process.
    pub fn of_process() -> Environment {
        Environment {
            variables: Variables::of_process(),
            directory: std::env::current_dir().ok(),
            temporary: PathBuf::from("/tmp"),
        }
    }

    /// A variable's value; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).filter(|value| !value.is_empty())
    }

    /// Where the store is: `$OCCTL_DATA_DIR`, or where opencode-ctl 0.4.0 has it.
    pub fn data_directory(&self) -> Result<PathBuf> {
        if let Some(directory) = self.get("OCCTL_DATA_DIR") {
            return Ok(self.absolute(Path::new(directory)));
        }
        match self.get("HOME") {
            Some(home) => Ok(self.absolute(Path::new(home)).join(".local/share/opencode-ctl")),
            None => Err(Error::store("neither OCCTL_DATA_DIR nor HOME is set")
                .hint("set OCCTL_DATA_DIR to the directory that shall hold store.json")),
        }
    }

    /// The home directory and its owner, if this process is root and the home is not root's.
    pub fn foreign_home(&self) -> Option<(PathBuf, u32)> {
        let home = PathBuf::from(self.get("HOME")?);
        let owner = fs::metadata(&home).ok()?.uid();
        (rustix::process::geteuid().is_root() && owner != 0).then_some((home, owner))
    }

    /// Where programs of this user keep their data: `$XDG_DATA_HOME`, or else `~/.local/share`.
    pub fn data_home(&self) -> Option<PathBuf> {
        let home = match self.get("XDG_DATA_HOME") {
            Some(directory) => PathBuf::from(directory),
            None => Path::new(self.get("HOME")?).join(".local/share"),
        };
        Some(self.absolute(&home))
    }

    /// The same path, from the working directory if it is relative.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.directory.as_deref().unwrap_or(Path::new("/")).join(path)
    }

    /// The ports that may be given to servers: `$OCCTL_PORT_RANGE`, as `FIRST-LAST`.
    pub fn ports(&self) -> Result<std::ops::RangeInclusive<u16>> {
        let Some(text) = self.get("OCCTL_PORT_RANGE") else { return Ok(FIRST_PORT..=LAST_PORT) };
        let parse = || {
            let (first, last) = text.to_str()?.split_once('-')?;
            let first = first.trim().parse().ok()?;
            let last = last.trim().parse().ok()?;
            (1..=last).contains(&first).then_some(first..=last)
        };
        parse().ok_or_else(|| {
            Error::usage(format!("OCCTL_PORT_RANGE is {text:?}, not a range of ports"))
                .hint("for example OCCTL_PORT_RANGE=9100-9199")
        })
    }

    /// The OpenCode program: as given, or `$OCCTL_OPENCODE`, or `opencode` on PATH.
    pub fn opencode(&self, given: Option<&Path>) -> Result<PathBuf> {
        let named = given.map(Path::as_os_str).or_else(|| self.get("OCCTL_OPENCODE"));
        let name = named.unwrap_or(OsStr::new("opencode"));
        let is_path = name.as_encoded_bytes().contains(&b'/');
        let found = if is_path {
            let path = self.absolute(Path::new(name));
            if !path.exists() {
                return Err(Error::failed(format!("there is no OpenCode at {}", path.display()))
                    .hint(INSTALL_HINT));
            }
            Some(path).filter(|path| is_executable(path))
        } else {
            let path = self.get("PATH").unwrap_or_default();
            // An empty entry would mean the working directory, which may hold anything.
            std::env::split_paths(path)
                .filter(|directory| !directory.as_os_str().is_empty())
                .map(|directory| self.absolute(&directory).join(name))
                .find(|path| is_executable(path))
        };
        found.ok_or_else(|| {
            let shown = name.display();
            let message = if is_path {
                format!("{shown} is not an executable file")
            } else {
                format!("there is no {shown} on PATH")
            };
            Error::failed(message).hint(INSTALL_HINT)
        })
    }

    /// The session below which new ones are started: the caller's own, or the one that
    /// `/tmp/opencode-main-session-UID.id` names if that file is a plain one of this user.
    pub fn parent_session(&self) -> Option<String> {
        if let Some(own) = self.get("OPENCODE_SESSION_ID") {
            return own.to_str().map(String::from);
        }
        let uid = process::own_uid();
        let path = self.temporary.join(format!("opencode-main-session-{uid}.id"));
        let mut options = fs::OpenOptions::new();
        // Every user can write to /tmp: links are not followed, and a pipe must not make us wait.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let file = options.read(true).custom_flags(flags.bits() as i32).open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.uid() != uid || metadata.len() > LONGEST_ID {
            return None;
        }
        let text = std::io::read_to_string(file).ok()?;
        let id = text.trim();
        (!id.is_empty() && !id.contains(char::is_control)).then(|| id.to_string())
    }
}

/// How to get OpenCode, for errors that say that it is missing.
pub const INSTALL_HINT: &str = "install it with: npm install -g opencode-ai; \
                                or name it with --opencode PATH or OCCTL_OPENCODE";

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
pub mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Surroundings with these variables and nothing else.
    pub fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment {
            variables: pairs.iter().map(|(n, v)| (n.into(), v.into())).collect(),
            directory: Some("/srv".into()),
            temporary: "/nonexistent".into(),
        }
    }

    #[test]
    fn the_data_directory_is_the_one_of_0_4_0_unless_told_otherwise() {
        let home = environment(&[("HOME", "/home/a"), ("OCCTL_DATA_DIR", "")]);
        let expected = Path::new("/home/a/.local/share/opencode-ctl");
        assert_eq!(home.data_directory().unwrap(), expected);
        let told = environment(&[("HOME", "/home/a"), ("OCCTL_DATA_DIR", "data")]);
        assert_eq!(told.data_directory().unwrap(), Path::new("/srv/data"));
        let neither = environment(&[]).data_directory().unwrap_err();
        assert!(neither.message.contains("OCCTL_DATA_DIR"), "{neither}");
    }

    #[test]
    fn no_opencode_of_the_working_directory_is_run_because_of_an_empty_path() {
        let directory = std::env::temp_dir().join(format!("occtl-path-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let program = directory.join("opencode");
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        for path in [None, Some(""), Some(":"), Some("/nonexistent::/nowhere")] {
            let pairs: Vec<_> = path.map(|path| ("PATH", path)).into_iter().collect();
            let surroundings =
                Environment { directory: Some(directory.clone()), ..environment(&pairs) };
            assert!(surroundings.opencode(None).is_err(), "{path:?}");
        }
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_port_range_that_is_none_is_a_usage_error() {
        for text in ["9", "9-", "20-10", "0-5", "a-b", "1-70000"] {
            let error = environment(&[("OCCTL_PORT_RANGE", text)]).ports().unwrap_err();
            assert_eq!(error.code.exit(), 2, "{text}");
        }
        let range = environment(&[("OCCTL_PORT_RANGE", "9100-9102")]).ports().unwrap();
        assert_eq!(range.collect::<Vec<_>>(), [9100, 9101, 9102]);
    }

    #[test]
    fn the_parent_pointer_must_be_a_small_plain_file() {
        let directory = std::env::temp_dir().join(format!("occtl-pointer-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join(format!("opencode-main-session-{}.id", process::own_uid()));
        let surroundings = Environment { temporary: directory.clone(), ..environment(&[]) };
        assert_eq!(surroundings.parent_session(), None);
        fs::write(&path, " oc-main\n").unwrap();
        assert_eq!(surroundings.parent_session().as_deref(), Some("oc-main"));
        fs::write(&path, "oc-\u{1b}[31m").unwrap();
        assert_eq!(surroundings.parent_session(), None);
        fs::write(&path, "x".repeat(10_000)).unwrap();
        assert_eq!(surroundings.parent_session(), None);
        let target = directory.join("target");
        fs::rename(&path, &target).unwrap();
        fs::write(&target, "oc-main").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert_eq!(surroundings.parent_session(), None);
        fs::remove_dir_all(&directory).unwrap();
    }
}
