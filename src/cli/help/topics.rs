//! What `occtl help` explains besides commands.

use super::layout::{columns, paragraph};
use crate::cli::policy_flags;

/// A text that belongs to no command.
pub struct Topic {
    /// The word after `occtl help`.
    pub name: &'static str,
    /// What stands above it in the man page.
    pub heading: &'static str,
    /// One line for the list of topics, without a full stop.
    pub summary: &'static str,
    /// What it says.
    pub parts: &'static [Part],
}

/// A part of a topic.
pub enum Part {
    /// A paragraph.
    Text(&'static str),
    /// Words, and what each of them means.
    Rows(&'static [(&'static str, &'static str)]),
    /// Lines that stay as they are.
    Lines(&'static str),
}

impl Topic {
    /// The text in lines of `width` columns.
    pub fn text(&self, width: usize) -> String {
        let mut text = paragraph(&format!("{}.", self.summary), 0, width);
        for part in self.parts {
            text.push('\n');
            text.push_str(&match part {
                Part::Text(words) => paragraph(words, 0, width),
                Part::Lines(lines) => lines.lines().map(|line| format!("  {line}\n")).collect(),
                Part::Rows(rows) => {
                    let row = |(left, right): &(&str, &str)| (left.to_string(), right.to_string());
                    columns(&rows.iter().map(row).collect::<Vec<_>>(), width)
                }
            });
        }
        text
    }
}

/// All topics, in the order of the help.
pub const TOPICS: &[&Topic] = &[&EXIT_CODES, &ENVIRONMENT, &JSON, &POLICY];

/// The topic of that name.
pub fn topic(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().copied().find(|topic| topic.name == name)
}

/// Every exit status.
pub const EXIT_CODES: Topic = Topic {
    name: "exit-codes",
    heading: "EXIT STATUS",
    summary: "What the exit status of a command says",
    parts: &[
        Part::Rows(&[
            ("0", "it worked; for a turn: the model finished and answered"),
            ("1", "it failed in a way that has no code of its own"),
            ("2", "the command line is wrong"),
            ("3", "there is no such session, conversation, turn, ask or file"),
            (
                "4",
                "the server is dead, cannot be reached from here, does not answer, refuses the \
                 password or is not OpenCode",
            ),
            ("5", "the turn ended in an error"),
            ("6", "the turn needs a permission or an answer that it does not get"),
            ("7", "the turn ended without any text"),
            ("8", "the turn was aborted"),
            ("9", "the store cannot be read, locked or written"),
            ("10, 11", "`bench compare` shows a regression, or nothing for sure (`--strict`)"),
            ("12, 13", "`bench run` stopped, and the same command continues, or would stop again"),
            ("124", "a limit was reached"),
            ("129", "SIGHUP, unless it is ignored (`nohup`)"),
            ("130", "SIGINT"),
            ("143", "SIGTERM"),
        ]),
        Part::Text(
            "`send --wait`, `send --stream`, `run` and `wait --turn` give the status of the turn \
             even if the reader of their output ends early (`… | head -1`). Other commands then \
             end quietly with 0.",
        ),
        Part::Text("With --json an error says its name, `error.code`, and `error.reason` more."),
    ],
};

/// Every variable that matters.
pub const ENVIRONMENT: Topic = Topic {
    name: "environment",
    heading: "ENVIRONMENT",
    summary: "The variables that occtl reads, and those that it sets",
    parts: &[
        Part::Rows(&[
            ("OCCTL_DATA_DIR", "Where store and logs are [~/.local/share/opencode-ctl]"),
            ("OCCTL_SESSION", "The session of a command that names none"),
            ("OCCTL_LIST_FORMAT", "The columns of `list`, unless --format names some"),
            ("OCCTL_TIMEOUT", "Another default of --timeout for `send`, `run` and `wait`"),
            (
                "OCCTL_MODEL",
                "The model of a new conversation without --model, --agent and an agent of the \
                 session",
            ),
            ("OCCTL_OPENCODE", "The OpenCode program, unless --opencode names one"),
            ("OCCTL_PORT_RANGE", "The ports of new servers, FIRST-LAST [9100-32767]"),
            ("OCCTL_GIT", "off: git is not asked for uncommitted changes"),
            ("OCCTL_BATCH", "What a batch of `bench run` is called, unless --batch says it"),
            (
                "OPENCODE_SERVER_PASSWORD",
                "The password for `adopt` and for `start --hostname`; any other server gets one \
                 of its own",
            ),
            ("OPENCODE_SERVER_USERNAME", "The user of a server for `adopt` [opencode]"),
            ("NO_COLOR, TERM=dumb", "Nothing is coloured, unless --color always is given"),
            ("TMPDIR", "Where `bench` has temporary directories"),
            ("XDG_DATA_HOME, XDG_…_HOME", "Where OpenCode has its files, which occtl respects"),
        ]),
        Part::Text(
            "An empty variable counts as not set. A flag comes before its variable. All variables \
             are passed on to the server, so keys of providers may stand there; `start --env` \
             adds some.",
        ),
        Part::Text("What a server started by occtl finds, and everything that it starts:"),
        Part::Rows(&[
            ("OPENCODE_SESSION_ID", "The id of its session: a process that has it is its own"),
            ("OPENCODE_PARENT_SESSION_ID", "The id of the session that started it"),
        ]),
        Part::Text(
            "Of OpenCode's own variables, OPENCODE_ENABLE_QUESTION_TOOL=1 lets models ask \
             questions.",
        ),
    ],
};

const JSON: Topic = Topic {
    name: "json",
    heading: "JSON",
    summary: "What --json prints",
    parts: &[
        Part::Text(
            "Every command but attach, man and completions takes --json. It prints one JSON \
             document on stdout; `events`, `logs`, `tail -f` and `list --watch` print one a line. \
             docs/json.md describes every field; none is renamed or dropped.",
        ),
        Part::Text(
            "Times are RFC 3339 in UTC. A name that ends in _ms is a duration in milliseconds, in \
             _usd US dollars, in _bytes a size. What is not known is null, and never 0.",
        ),
        Part::Text(
            "An error is one object on stderr. `code` is the name of the exit status, `reason` is \
             more of it or null:",
        ),
        Part::Lines(
            r#"{"error": {"code": "not_found", "message": "…", "hint": "…", "reason": null}}"#,
        ),
        Part::Text("For a start:"),
        Part::Lines(
            "occtl list --json | jq -r '.sessions[] | select(.state == \"idle\") | .id'
occtl send $S --wait --json 'Explain this repository' | jq '{outcome, answer, cost_usd}'",
        ),
    ],
};

const POLICY: Topic = Topic {
    name: "policy",
    heading: "POLICY",
    summary: "What a model may do: rules, answers, and a file that holds both",
    parts: &[
        Part::Text(policy_flags::ABOUT[0]),
        Part::Text(policy_flags::ABOUT[1]),
        Part::Text(
            "RULE is PERMISSION or PERMISSION:PATTERN: edit, 'bash:git *', 'webfetch:https://*'. A \
             blank for the colon is refused, and so is a permission that the server does not know.",
        ),
        Part::Text(
            "--on-permission says what becomes of what is asked for and no --allow and no --deny \
             settles, --on-question the same of questions: wait for a person (`occtl approve`, \
             `occtl answer`), fail with status 6, reject, or approve.",
        ),
        Part::Text("--policy FILE reads all of it. Flags come on top:"),
        Part::Lines(
            r#"{
  "unlisted": "deny",
  "allow": ["edit", "bash:make *", "bash:git *"],
  "deny": ["bash:git push*"],
  "on_permission": "reject",
  "on_question": "reject"
}"#,
        ),
        Part::Text("`occtl test-permission` tells what would become of a command:"),
        Part::Lines("occtl test-permission $S --policy policy.json 'git push origin'"),
    ],
};
