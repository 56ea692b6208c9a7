//! What can come next, by the table and without any server.

use super::*;
use crate::cli::commands::COMMANDS;

/// The words that can come after a line; the last word is the one that is typed. Values that would
/// be asked for are named by their kind.
fn after(line: &str) -> (Also, Vec<String>) {
    let mut words: Vec<String> = line.split(' ').map(String::from).collect();
    let current = words.pop().unwrap();
    let is_letters = current.starts_with('-') && !current.contains('=');
    let value = if is_letters { "" } else { current.rsplit('=').next().unwrap() };
    let ask = |asked: &Asked| vec![Candidate::new(format!("{value}{:?}", asked.kind), "")];
    let next = next(COMMANDS, &words, &current, &ask);
    (next.also, next.candidates.into_iter().map(|one| one.word).collect())
}

#[test]
fn commands_families_flags_and_choices_come_from_the_table() {
    let words = |line: &str| after(line).1;
    let all = words("");
    assert!(all.contains(&"start".into()) && !all.contains(&"guard".into()), "{all:?}");
    assert_eq!(words("sta"), ["start", "status"]);
    assert_eq!(words("-C x sta"), ["start", "status"]);
    assert_eq!(words("bench ini"), ["init"]);
    assert!(!words("bench ").contains(&"trial".into()));
    assert_eq!(words("help bench ini"), ["init"]);
    assert_eq!(words("help exi"), ["exit-codes"]);
    assert_eq!(words("send x --unl"), ["--unlisted"]);
    assert_eq!(words("send x --unlisted "), ["config", "ask", "deny"]);
    assert_eq!(words("send x --unlisted=d"), ["--unlisted=deny"]);
    assert_eq!(words("--color al"), ["always"]);
    assert_eq!(words("send x --conv"), ["--conversation"]);
    assert_eq!(words("send -w --wai"), [""; 0], "once is enough");
    assert_eq!(words("start --label a=b --lab"), ["--label"], "may be repeated");
    assert_eq!(words("send x -- --wai"), [""; 0], "no flag comes after the dashes");
    assert_eq!(words("completions z"), ["zsh"]);
    assert_eq!(words("bench export "), ["atif", "harbor", "predictions"]);
    assert_eq!(words("bench import harbor "), [""; 0], "SOURCE is a path");
    assert_eq!(words("config x pe"), ["permission"]);
    assert_eq!(words("xyzzy "), [""; 0]);
    assert_eq!(words("send --nope "), [""; 0]);
}

#[test]
fn values_are_what_the_table_says_they_are() {
    let asked = |line: &str| after(line).1.concat();
    assert_eq!(asked("send "), "Session");
    assert_eq!(asked("stop a "), "Session");
    assert_eq!(asked("logs --session "), "Session");
    for line in ["send x -s ", "send x -ws ", "tail --conversation ", "delete x "] {
        assert_eq!(asked(line), "Conversation", "{line}");
    }
    assert_eq!(asked("tail x --session="), "--session=Conversation");
    assert_eq!(asked("send x -s"), "-sConversation");
    assert_eq!(asked("send x -ws"), "-wsConversation");
    assert_eq!(asked("tail x --turn "), "Turn");
    assert_eq!(asked("fork x -m "), "Turn");
    assert_eq!(asked("send x -m "), "Model");
    assert_eq!(asked("start --agent "), "Agent");
    assert_eq!(asked("approve x "), "Permission");
    assert_eq!(asked("answer x "), "Question");
    assert_eq!(asked("answer x que_1 "), "Answer");
    assert_eq!(asked("bench show night "), "Run");
    assert_eq!(asked("bench run plan.json --task "), "Task");
    assert_eq!(asked("bench run plan.json --arm "), "Arm");
    assert_eq!(asked("bench compare night:"), "night:Results");
    assert_eq!(asked("send x "), "", "a prompt is nothing that could be known");
    for (line, also) in [
        ("send x -f ", Also::Files),
        ("send x --file=", Also::Files),
        ("bench run ", Also::Files),
        ("start -w ", Also::Directories),
        ("-C ", Also::Directories),
        ("bench compare ", Also::Directories),
        ("send x -w ", Also::Nothing),
    ] {
        assert_eq!(after(line), (also, Vec::new()), "{line}");
    }
}
