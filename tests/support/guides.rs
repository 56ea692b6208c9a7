//! The code blocks of a document, and what checks them.

use std::path::{Path, PathBuf};

use super::command::Outcome;
use super::sandbox::Sandbox;

/// The blocks of a document in a language.
pub fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    let blocks = document.split(begin.as_str()).skip(1);
    blocks.map(|rest| rest.split("```").next().expect("a split has a first part")).collect()
}

/// Writes units of systemd into the sandbox; the first line of each is a comment with its path.
pub fn write_units(sandbox: &Sandbox, units: &[&str]) -> Vec<PathBuf> {
    let write = |unit: &&str| {
        let name = unit.lines().next().and_then(|line| line.rsplit('/').next());
        let path = sandbox.root().join(name.expect("a path"));
        std::fs::write(&path, unit).expect("a unit");
        path
    };
    units.iter().map(write).collect()
}

/// What systemd says of units; nothing on a machine without it.
pub fn verify_units(sandbox: &Sandbox, units: &[PathBuf]) -> Option<Outcome> {
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        println!("systemd-analyze is not there, so the units were not verified");
        return None;
    }
    let words = [&["--user".into(), "verify".into()], units].concat();
    let verify = sandbox.command("systemd-analyze", &words);
    Some(verify.env("XDG_RUNTIME_DIR", sandbox.root()).run())
}
