//! Checks that the directory of a turn is still there before a prompt is sent. A server goes on
//! without it: each tool fails, the turn ends like any other, and a file that is written makes the
//! old path anew with nothing else in it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::runner::session::doorstep::check_answers;
use crate::runner::session::server::Server;
use crate::units::REQUEST_LIMIT;

/// An error if the directory in which a turn is to work was renamed, removed or replaced. Nothing
/// is said of a server whose process is unknown: it may be in a container or behind a tunnel.
pub fn check_workplace(server: &Server, directory: &str) -> Result<()> {
    let Some(process) = &server.process else { return Ok(()) };
    let id = &server.record.id;
    let gone = |how: &str| {
        let text = format!("{directory}, where session {id} is to work, {how}");
        let hint = format!("put the directory back, or occtl stop {id} and start where it is now");
        Err(Error::failed(text).hint(hint))
    };
    check_answers(Path::new(directory), REQUEST_LIMIT)?;
    let here = match fs::metadata(Path::new(directory)) {
        Ok(here) if here.is_dir() => here,
        Ok(_) => return gone("is no directory any more"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return gone("is gone: it was renamed or removed");
        }
        // It is there, but this process may not look at it.
        Err(_) => return Ok(()),
    };
    // The working directory of the process follows a renaming. That of an adopted server may
    // have been another one from the beginning.
    let is_own = server.record.adopted_url.is_none() && directory == server.directory;
    match fs::metadata(format!("/proc/{}/cwd", process.pid)) {
        Ok(cwd) if is_own && (cwd.dev(), cwd.ino()) != (here.dev(), here.ino()) => {
            gone("is another directory than the one that its server was started in")
        }
        _ => Ok(()),
    }
}
