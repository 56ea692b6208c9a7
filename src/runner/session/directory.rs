//! Where a session's server works.

use super::life::Life;
use crate::process::Identity;
use crate::store::Record;

/// The directory in which a session's server was started; every request names it.
pub fn directory(record: &Record, server: Option<&Identity>) -> String {
    let recorded = record.workdir.clone().or_else(|| {
        let link = format!("/proc/{}/cwd", server?.pid);
        std::fs::read_link(link).ok().map(|path| path.to_string_lossy().into_owned())
    });
    recorded.or_else(|| record.config_path.clone()).unwrap_or_else(|| "/".into())
}

/// The server's directory; `None` if neither the record nor the process tells.
pub fn known_directory(record: &Record, life: &Life) -> Option<String> {
    Some(directory(record, life.server())).filter(|place| place.starts_with('/'))
}
