//! Where trials have their private directories: away from the batch, so that no path tells an agent
//! what it is part of.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::runner::Environment;
use crate::runner::programs::own_uid;

/// Makes or finds the directory: below `given`, or else below `TMPDIR`.
pub fn open(environment: &Environment, given: Option<&Path>) -> Result<PathBuf> {
    let temporary = environment.get("TMPDIR").filter(|path| !path.is_empty()).map(PathBuf::from);
    let base = given.map(Path::to_path_buf).or(temporary).unwrap_or_else(|| "/tmp".into());
    let failed = |error: io::Error| {
        Error::failed(format!("cannot use {} for working trees: {error}", base.display()))
            .hint("--scratch names another directory")
    };
    let base = environment.absolute(&base).canonicalize().map_err(failed)?;
    let own = base.join(format!("occtl-bench-{}", own_uid()));
    match fs::DirBuilder::new().mode(0o700).create(&own) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    // In a directory like /tmp another user can have made it first, also as a link.
    let data = fs::symlink_metadata(&own).map_err(failed)?;
    if !data.is_dir() || data.uid() != own_uid() || data.mode() & 0o077 != 0 {
        let shown = own.display();
        return Err(Error::failed(format!("{shown} is not a private directory of this user"))
            .hint("--scratch names another directory"));
    }
    Ok(own)
}
