//! Bubblewrap, which not every machine has or allows.

use std::process::Command;

/// Whether bubblewrap can make a sandbox on this machine; if not, it says so on stderr.
pub fn has_bubblewrap() -> bool {
    let tried = Command::new("bwrap").args(["--ro-bind", "/", "/", "true"]).output();
    let why = match &tried {
        Ok(tried) if tried.status.success() => return true,
        Ok(tried) => String::from_utf8_lossy(&tried.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("skipped: bubblewrap does not work here: {}", why.trim());
    false
}
