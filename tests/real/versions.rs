//! What versions of OpenCode cannot do: the one place that says which part of a test does not hold
//! on which.

use crate::support::opencode::version;

/// What is promised only from a version on: the oldest of the tested versions that can do it.
const SINCE: [(&str, [u32; 3]); 18] = [
    ("the server asks for its password", [1, 1, 65]),
    ("a prompt makes its conversation the newest", [1, 1, 65]),
    ("an aborted conversation is idle", [1, 1, 65]),
    ("a prompt that comes at the very end of a turn is answered", [1, 1, 65]),
    ("an answer names the variant of its model", [1, 1, 65]),
    ("a schema reaches the model", [1, 1, 65]),
    ("read a catalogue that the environment names", [1, 1, 65]),
    ("the agent asks before it reads .env", [1, 1, 65]),
    ("a given title costs no call of the model", [1, 2, 27]),
    ("the data of a server is one database", [1, 2, 27]),
    ("a rule takes its tool away", [1, 3, 2]),
    ("a conversation can be given rules later", [1, 14, 34]),
    ("each prompt keeps what it changed", [1, 14, 34]),
    ("patterns match as documented", [1, 2, 27]),
    ("each turn tells what it changed", [1, 18, 33]),
    ("a conversation tells its tokens", [1, 15, 13]),
    ("keys come from OPENCODE_AUTH_CONTENT", [1, 14, 34]),
    ("rules of a conversation reach its sub-agents", [1, 18, 33]),
];

/// Whether the tested version can do that. `make compat` shows what a version cannot do.
#[track_caller]
pub fn can(what: &str) -> bool {
    let row = SINCE.iter().find(|(name, _)| *name == what);
    let (_, since) = row.unwrap_or_else(|| panic!("no row for {what:?}"));
    let version = version();
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    let able = numbers.as_slice() >= since.as_slice();
    if !able {
        println!("not on {version}: {what}");
    }
    able
}
