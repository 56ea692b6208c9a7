//! The rules that keep a model from running occtl itself.

use crate::client::wire::Rule;

/// What occtl's name looks like at the front of a command, and behind what commonly stands before it.
/// Each is held against every simple command of a line, so `a && occtl list`, `$(occtl list)` and the
/// like need no pattern of their own. A deny rule that is too wide costs the model a command, so
/// there is none for any line that merely has the word in it.
const OCCTL: [&str; 21] = [
    "occtl *",
    "occtl>*",
    "occtl\t*",
    "\"occtl\" *",
    "'occtl' *",
    "*/occtl *",
    "*=* occtl *",
    "command *occtl *",
    "env *occtl *",
    "eval *occtl *",
    "exec *occtl *",
    "nice *occtl *",
    "nohup *occtl *",
    "setsid *occtl *",
    "sudo *occtl *",
    "time *occtl *",
    "timeout *occtl *",
    "xargs *occtl *",
    "*sh -c *occtl*",
    "*sh -lc *occtl*",
    "*sh <<*occtl*",
];

/// The rules that keep a model from running occtl. The server appends them to all configured ones, and
/// from 1.18 on to those of sub-agents. What no rule can catch is in `docs/migrating.md`.
pub fn no_occtl() -> Vec<Rule> {
    let deny = |pattern: &&str| Rule {
        permission: "bash".into(),
        pattern: (*pattern).into(),
        action: "deny".into(),
    };
    OCCTL.iter().map(deny).collect()
}
