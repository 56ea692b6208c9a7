//! A migrated database that servers with a database of their own start from.
//!
//! Nothing has to be made for it. A server has migrated its fresh database when it says that it
//! listens, and has nothing in it before it is asked about a directory. What it has then is kept
//! for exactly this file of a program, so that no version ever finds the database of another one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::runner::programs::known_as;
use crate::store::{private_directory, unsafe_reason};

/// A database is its file and, until SQLite has moved its content, the log beside it. The third
/// file, `-shm`, is memory that running processes share.
const FILES: [&str; 2] = ["opencode.db", "opencode.db-wal"];

/// What is larger has more in it than tables.
const LARGEST: u64 = 8 << 20;

/// The template of one program, and a directory with a database.
pub struct Template {
    kept: PathBuf,
    data: PathBuf,
}

/// The two files of a database. One that is not there is none.
type Content = [Option<Vec<u8>>; 2];

impl Template {
    /// The template of a program in the directory `memory`, for a server with this directory of
    /// data. `None` if the program is a script, behind which any version may be.
    pub fn of(program: &Path, memory: &Path, data: &Path) -> Option<Template> {
        let kept = memory.join(format!("{}.database", known_as(program)?));
        Some(Template { kept, data: data.into() })
    }

    /// Copies the template to where the server will look for its database. If there is none, or the
    /// copy fails, the server makes a fresh one.
    pub fn lay(&self) -> bool {
        if unsafe_reason(&self.kept).is_some() {
            return false;
        }
        let Ok(content @ [Some(_), _]) = read(&self.kept) else { return false };
        if FILES.iter().any(|name| self.data.join(name).exists()) {
            return false;
        }
        // What is used stays.
        let _ = File::open(&self.kept).and_then(|kept| kept.set_modified(SystemTime::now()));
        if write(&self.data, &content).is_ok() {
            return true;
        }
        for name in FILES {
            let _ = fs::remove_file(self.data.join(name));
        }
        false
    }

    /// Keeps the database of a server that has been asked nothing yet.
    pub fn take(&self) {
        if self.kept.exists() {
            return;
        }
        // If it reads the same twice, nothing was written in between.
        let (Ok(content @ [Some(_), _]), Ok(again)) = (read(&self.data), read(&self.data)) else {
            return;
        };
        if content != again {
            return;
        }
        let partial = self.kept.with_extension(std::process::id().to_string());
        // In one step, because other starts may read it at any moment. The first one stays.
        let kept = write(&partial, &content)
            .and_then(|()| sync(&partial))
            .and_then(|()| fs::rename(&partial, &self.kept));
        if kept.is_err() {
            let _ = fs::remove_dir_all(&partial);
        }
    }
}

fn read(place: &Path) -> io::Result<Content> {
    let mut content = [None, None];
    for (name, content) in FILES.iter().zip(&mut content) {
        let path = place.join(name);
        match fs::metadata(&path) {
            Ok(file) if file.is_file() && file.len() <= LARGEST => {
                *content = Some(fs::read(&path)?);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(_) => return Err(io::ErrorKind::FileTooLarge.into()),
            Err(error) => return Err(error),
        }
    }
    Ok(content)
}

/// After a crash of the machine a template that is there is whole.
fn sync(place: &Path) -> io::Result<()> {
    for entry in place.read_dir()? {
        File::open(entry?.path())?.sync_all()?;
    }
    Ok(())
}

fn write(place: &Path, content: &Content) -> io::Result<()> {
    private_directory(place)?;
    for (name, content) in FILES.iter().zip(content) {
        if let Some(content) = content {
            let mut options = File::options();
            let file = options.write(true).create_new(true).mode(0o600).open(place.join(name));
            file?.write_all(content)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_kept_once_and_laid_only_where_there_is_none() {
        let place = std::env::temp_dir().join(format!("occtl-template-{}", std::process::id()));
        let memory = place.join("memory");
        for name in ["first", "second", "third", "used"] {
            fs::create_dir_all(place.join(name)).unwrap();
        }
        let program = std::env::current_exe().unwrap();
        let of = |name: &str| Template::of(&program, &memory, &place.join(name)).unwrap();
        let file = |name: &str, file: &str| fs::read_to_string(place.join(name).join(file)).ok();
        of("first").take();
        assert!(!of("second").lay(), "there is nothing to keep yet");
        fs::write(place.join("first/opencode.db"), "tables").unwrap();
        fs::write(place.join("first/opencode.db-wal"), "log").unwrap();
        fs::write(place.join("first/opencode.db-shm"), "memory").unwrap();
        of("first").take();
        fs::write(place.join("first/opencode.db"), "rows").unwrap();
        of("first").take();
        assert!(of("second").lay());
        assert_eq!(file("second", "opencode.db").as_deref(), Some("tables"));
        assert_eq!(file("second", "opencode.db-wal").as_deref(), Some("log"));
        assert_eq!(file("second", "opencode.db-shm"), None);
        fs::write(place.join("used/opencode.db-wal"), "rows").unwrap();
        assert!(!of("used").lay());
        assert_eq!(file("used", "opencode.db"), None);
        // Half of a template is none.
        let kept = fs::read_dir(&memory).unwrap().next().unwrap().unwrap().path();
        fs::remove_file(kept.join("opencode.db")).unwrap();
        assert!(!of("third").lay());
        assert_eq!((file("third", "opencode.db"), file("third", "opencode.db-wal")), (None, None));
        let script = place.join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        assert!(Template::of(&script, &memory, &place).is_none());
        fs::remove_dir_all(&place).unwrap();
    }
}
