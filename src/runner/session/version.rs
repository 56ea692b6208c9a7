//! Which versions of OpenCode can be worked with, and how a version is found out.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::client::wire::Health;
use crate::client::{Answer, Cause, Client, Failure};
use crate::process::Capture;
use crate::units::Deadline;

/// How long `opencode --version` may take.
const VERSION_LIMIT: Duration = Duration::from_secs(15);

/// The oldest version with the routes that occtl needs.
pub const OLDEST: (u64, u64) = (1, 1);

/// The version of a server that is well and new enough.
pub fn usable(client: &Client, limit: Duration) -> Answer<String> {
    let Health { healthy, version } = client.health(limit)?;
    if !healthy {
        return Err(alien("it says that it is not healthy".into()));
    }
    too_old(&version).map_or(Ok(version), Err)
}

pub fn alien(what: String) -> Failure {
    Failure { request: "GET /global/health".into(), cause: Cause::Status(426, what) }
}

pub fn too_old(version: &str) -> Option<Failure> {
    let old = version_of(version).is_some_and(|version| version < OLDEST);
    let (major, minor) = OLDEST;
    old.then(|| alien(format!("version {version} is too old, {major}.{minor} is the oldest")))
}

/// What a program says of its version.
pub fn program_version(program: &Path, deadline: Deadline) -> Option<String> {
    let capture = Capture::start(Command::new(program).arg("--version")).ok()?;
    let output = capture.finish(deadline.or_after(VERSION_LIMIT))?;
    Some(String::from_utf8_lossy(&output).trim().into())
}

/// The first two numbers of a version.
pub fn version_of(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version_of("1.0.220") < Some(OLDEST));
        assert!(version_of("1.18.33") > Some(OLDEST));
        assert!(version_of("1.1.11") >= Some(OLDEST));
        assert_eq!(version_of("local"), None);
    }
}
