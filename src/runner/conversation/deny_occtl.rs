//! The rules that keep a model from running occtl itself.

use crate::client::wire::Rule;

/// Commands that run occtl, in the forms that models write. Each pattern is held against every
/// simple command of a line, so `a && occtl list`, `$(occtl list)` and the like need none of their
/// own; a backslash counts as a slash, and a ` *` at the end may be missing.
///
/// A pattern cannot say "no blank", so none says "any word and then occtl": that would deny every
/// command with such an argument, `make occtl` and `grep occtl x` among them. Where a value comes
/// before the name, as with `timeout`, its length is spelled out.
const RUNS_OCCTL: [&str; 54] = [
    // By its name and by a path.
    "occtl *",
    "occtl>*",
    "occtl<*",
    "occtl\t*",
    "\"occtl\" *",
    "'occtl' *",
    "/occtl *",
    "/*/occtl *",
    ".*/occtl *",
    "~*/occtl *",
    "$*/occtl *",
    "\"*/occtl\" *",
    "bin/occtl *",
    "target/*/occtl *",
    // With a variable of its own.
    "?=? occtl *",
    "HOME=* occtl *",
    "NO_COLOR=* occtl *",
    "OCCTL_*=* occtl *",
    "OPENCODE_*=* occtl *",
    "PATH=* occtl *",
    "XDG_*=* occtl *",
    // Behind a program that runs another one.
    "command occtl *",
    "env occtl *",
    "env -* occtl *",
    "env *=* occtl *",
    "exec occtl *",
    "nice occtl *",
    "nice -n ? occtl *",
    "nice -n ?? occtl *",
    "nohup occtl *",
    "setsid occtl *",
    "setsid -? occtl *",
    "sudo occtl *",
    "sudo -? occtl *",
    "time occtl *",
    "timeout ? occtl *",
    "timeout ?? occtl *",
    "timeout ??? occtl *",
    "timeout ???? occtl *",
    "xargs occtl *",
    "xargs -? occtl *",
    "xargs -?? occtl *",
    "xargs -??? occtl *",
    "xargs -? ? occtl *",
    "xargs -? ?? occtl *",
    // In a text that is a program.
    "eval occtl *",
    "eval ?occtl*",
    "*sh -*c occtl*",
    "*sh -*c ?occtl*",
    "*sh -*c ?/*/occtl*",
    "*sh -*c *&& occtl*",
    "*sh -*c *; occtl*",
    "sh *<<*\nocctl *",
    "bash *<<*\nocctl *",
];

/// The rules that keep a model from running occtl. The server appends them to all configured rules,
/// and from 1.18 on also to those of sub-agents. `docs/migrating.md` says what no rule can catch.
pub fn no_occtl() -> Vec<Rule> {
    let deny = |pattern: &&str| Rule {
        permission: "bash".into(),
        pattern: (*pattern).into(),
        action: "deny".into(),
    };
    RUNS_OCCTL.iter().map(deny).collect()
}
