//! Looks at directories of others that may be on a file system which does not answer, for example
//! because its server is gone. Such a look never ends and cannot be taken back, so another process
//! makes it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{self, Ending};
use crate::units::Deadline;

/// How long a file system may take for one look. One that has to be mounted first takes a second.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// An error if a directory does not answer. Only file systems that wait for something are asked:
/// for all others this costs the reading of one small file.
pub fn check_answers(path: &Path, limit: Duration) -> Result<()> {
    let Some(kind) = process::waiting_file_system(path) else { return Ok(()) };
    let limit = limit.min(LOOK_LIMIT);
    let mut command = Command::new("/proc/self/exe");
    command.arg("look").arg(path);
    match process::attend(&mut command, Deadline::after(limit), &|| false) {
        Ok(looked) if looked.ending == Ending::TimedOut => {
            let shown = path.display();
            Err(Error::failed(format!("{shown} does not answer: it is on a file system of {kind}"))
                .hint("its server or its process may be gone: umount -l lets it go"))
        }
        _ => Ok(()),
    }
}

/// Looks at a path: all that the other process does. What is there is of no interest.
pub fn look(path: &Path) {
    let _ = std::fs::metadata(path);
}
