//! The groups of flags in the help of a command that has many.

use super::flag::Flag;

/// What a flag is about. Flags of one name are about the same in every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagGroup {
    /// What is sent to the model.
    Prompt,
    /// Which conversation or turn is meant.
    Conversation,
    /// How long it may take and what it may use up.
    Limits,
    /// What the model may do.
    Permissions,
    /// What is started, and where.
    Server,
    /// Which of many are meant.
    Selection,
    /// What is printed, and how.
    Output,
    /// Everything else.
    Other,
}

/// The groups in the order of the help, with their headings and the flags in them.
const GROUPS: [(FlagGroup, &str, &[&str]); 8] = [
    (
        FlagGroup::Prompt,
        "Prompt",
        &[
            "agent",
            "model",
            "variant",
            "file",
            "system",
            "system-file",
            "schema",
            "title",
            "title-file",
            "command",
            "mentions",
        ],
    ),
    (
        FlagGroup::Conversation,
        "Conversation",
        &["session", "continue", "queue", "turn", "chain", "children", "parent"],
    ),
    (
        FlagGroup::Limits,
        "Limits",
        &[
            "timeout",
            "stall-timeout",
            "max-retries",
            "max-steps",
            "max-cost",
            "no-abort",
            "on-event",
            "idle-timeout",
        ],
    ),
    (
        FlagGroup::Permissions,
        "Permissions",
        &[
            "allow",
            "deny",
            "unlisted",
            "policy",
            "on-permission",
            "on-question",
            "allow-occtl-commands",
        ],
    ),
    (
        FlagGroup::Server,
        "Server",
        &[
            "workdir",
            "opencode",
            "hostname",
            "env",
            "config",
            "isolate",
            "no-isolate",
            "worktree",
            "base",
            "name",
            "label",
            "keep",
            "keep-on-failure",
        ],
    ),
    (
        FlagGroup::Selection,
        "Selection",
        &[
            "task", "tag", "arm", "repeats", "limit", "shard", "shards", "rerun", "last", "role",
            "search", "lines", "level",
        ],
    ),
    (
        FlagGroup::Output,
        "Output",
        &[
            "wait",
            "stream",
            "raw",
            "quiet",
            "verbose",
            "json",
            "color",
            "format",
            "full",
            "tools",
            "timestamps",
            "output",
            "follow",
            "junit",
            "github",
            "markdown",
        ],
    ),
    (FlagGroup::Other, "Other", &[]),
];

impl Flag {
    /// What it is about.
    pub fn group(&self) -> FlagGroup {
        let found = GROUPS.iter().find(|(_, _, flags)| flags.contains(&self.long));
        found.map_or(FlagGroup::Other, |(group, _, _)| *group)
    }
}

/// The groups in the order of the help, each with its heading.
pub fn flag_groups() -> impl Iterator<Item = (FlagGroup, &'static str)> {
    GROUPS.iter().map(|(group, heading, _)| (*group, *heading))
}
