//! A server with a database and a state of its own.
//!
//! Servers of one user share one SQLite database: started together on a fresh home they kill each
//! other over its migration, and under load they lose runs to `database is locked`. An isolated one
//! has its own data and state directories; credentials and downloaded programs stay the user's.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::error::{Error, Result};
use crate::process::Variables;
use crate::runner::environment::Environment;
use crate::store::private_directory;

/// What of the user's OpenCode data an isolated server still has: credentials, and programs that
/// would otherwise be downloaded again.
const SHARED: [&str; 3] = ["auth.json", "mcp-auth.json", "bin"];

/// Makes the directory of an isolated session and returns the variables that lead its server there.
pub fn prepare(environment: &Environment, place: &Path) -> Result<Variables> {
    let make = || -> io::Result<Variables> {
        let data = place.join("data");
        let state = place.join("state");
        private_directory(&data.join("opencode"))?;
        private_directory(&state)?;
        if let Some(own) = environment.data_home() {
            for name in SHARED {
                let target = own.join("opencode").join(name);
                // A link and no copy: what the server renews must reach the user's own file.
                if target.exists() {
                    match symlink(&target, data.join("opencode").join(name)) {
                        // A server before this one had it.
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        made => made?,
                    }
                }
            }
        }
        let mut variables = Variables::default();
        // An inherited one would name the shared database again.
        variables.set("OPENCODE_DB", data.join("opencode/opencode.db"));
        variables.set("XDG_DATA_HOME", data);
        variables.set("XDG_STATE_HOME", state);
        Ok(variables)
    };
    make().map_err(|error| Error::failed(format!("cannot create {}: {error}", place.display())))
}

/// Moves it to where `doctor` does not take it for a left-over, and returns that place.
pub fn keep(place: &Path, kept: &Path) -> Result<PathBuf> {
    let make = || -> io::Result<()> {
        if let Some(parent) = kept.parent() {
            private_directory(parent)?;
        }
        match fs::rename(place, kept) {
            // A stop that was killed has moved it already.
            Err(error) if error.kind() == io::ErrorKind::NotFound && kept.exists() => Ok(()),
            other => other,
        }
    };
    make().map_err(|error| Error::failed(format!("cannot keep {}: {error}", place.display())))?;
    Ok(kept.into())
}

/// Removes what an isolated session had for itself. Links are removed, not followed.
pub fn remove(place: &Path) -> Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::failed(format!("cannot remove {}: {error}", place.display())))
        }
        _ => Ok(()),
    }
}
