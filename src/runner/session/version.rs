//! Which versions of OpenCode occtl works with, and how a version is found out.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::client::wire::Health;
use crate::client::{Answer, Cause, Client, Failure};
use crate::process::Capture;
use crate::units::Deadline;

/// How long `opencode --version` may take.
const VERSION_LIMIT: Duration = Duration::from_secs(15);

/// The first two numbers of a version; the others never matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
}

impl Version {
    /// The oldest version with the routes that occtl needs.
    pub const OLDEST: Version = Version::new(1, 1);

    /// The version with these first two numbers.
    pub const fn new(major: u64, minor: u64) -> Version {
        Version { major, minor }
    }

    /// Reads a text like `1.18.3`; `None` if it does not begin with two numbers.
    pub fn parse(text: &str) -> Option<Version> {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        Some(Version { major: numbers.next()??, minor: numbers.next()?? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Refuses a version that is too old. One that cannot be read, like that of a local build, is fine.
pub fn check(version: &str) -> Answer<()> {
    match Version::parse(version) {
        Some(parsed) if parsed < Version::OLDEST => {
            let oldest = Version::OLDEST;
            Err(unusable(format!("version {version} is too old, {oldest} is the oldest")))
        }
        _ => Ok(()),
    }
}

/// The version of a server that is healthy and new enough; the failure says what is wrong with it.
pub fn usable(client: &Client, limit: Duration) -> Answer<String> {
    let Health { healthy, version } = client.health(limit)?;
    if !healthy {
        return Err(unusable("it says that it is not healthy".into()));
    }
    check(&version)?;
    Ok(version)
}

/// The same for a server that must be the one that was started in `directory`. Another program on
/// its port does not know the password, but it may not ask for one either.
pub fn usable_in(client: &Client, directory: &str, limit: Duration) -> Answer<String> {
    let version = usable(client, limit)?;
    let paths = client.paths(directory, limit)?;
    if paths.directory != directory {
        return Err(unusable(format!("it works in {}", paths.directory)));
    }
    Ok(version)
}

/// 426 (Upgrade Required) stands for a server that answers and that occtl cannot work with, so that
/// it is not asked again.
fn unusable(what: String) -> Failure {
    Failure { request: "GET /global/health".into(), cause: Cause::Status(426, what) }
}

/// What a program says of its version.
pub fn program_version(program: &Path, deadline: Deadline) -> Option<String> {
    let capture = Capture::start(Command::new(program).arg("--version")).ok()?;
    let output = capture.finish(deadline.or_after(VERSION_LIMIT))?;
    Some(String::from_utf8_lossy(&output).trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(Version::parse("1.0.220") < Some(Version::OLDEST));
        assert!(Version::parse("1.18.33") > Some(Version::OLDEST));
        assert!(Version::parse("1.1.11") >= Some(Version::OLDEST));
        assert_eq!(Version::parse("local"), None);
    }

    #[test]
    fn only_a_version_that_is_known_to_be_too_old_is_refused() {
        let failure = check("1.0.220").unwrap_err().to_string();
        assert!(failure.contains("version 1.0.220 is too old, 1.1 is the oldest"), "{failure}");
        for fine in ["1.1.0", "1.18.33", "2.0.0", "local", ""] {
            assert!(check(fine).is_ok(), "{fine}");
        }
    }
}
