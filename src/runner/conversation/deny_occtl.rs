//! The rules that keep a model from running occtl itself.

use crate::client::wire::Rule;

/// Commands that run occtl: its name at the front, and behind words that commonly stand before a
/// command. The server matches each pattern against every simple command of a line, so `a && occtl
/// list` and `$(occtl list)` need no patterns of their own. A pattern that is too wide would deny
/// the model a harmless command, so none matches every line that contains the word.
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

/// The rules that keep a model from running occtl. The server appends them to all configured rules,
/// and from 1.18 on also to those of sub-agents. `docs/migrating.md` says what no rule can catch.
pub fn no_occtl() -> Vec<Rule> {
    let deny = |pattern: &&str| Rule {
        permission: "bash".into(),
        pattern: (*pattern).into(),
        action: "deny".into(),
    };
    OCCTL.iter().map(deny).collect()
}
