//! Which command a command line names, and whether it asks for JSON.

use std::ffi::OsString;

/// Flags that stand before a command's name and take a value.
const WITH_VALUE: [&str; 2] = ["-C", "--color"];
/// Other names of commands.
const ALIASES: [(&str, &str); 2] = [("ls", "list"), ("ps", "list")];

/// The command of a command line with `--json`, for example `bench run`.
pub fn command_with_json(arguments: &[OsString]) -> Option<String> {
    let words: Vec<&str> = arguments
        .iter()
        .map(|word| word.to_str().unwrap_or_default())
        .take_while(|word| *word != "--")
        .collect();
    let is_given = |flags: &[&str]| words.iter().any(|word| flags.contains(word));
    if !is_given(&["--json"]) {
        return None;
    }
    if is_given(&["--help", "-h"]) {
        return Some("help".into());
    }
    if is_given(&["--version"]) {
        return Some("version".into());
    }
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        if WITH_VALUE.contains(&word) {
            rest.next();
        } else if !word.starts_with('-') {
            let name = ALIASES.iter().find(|(alias, _)| *alias == word).map_or(word, |it| it.1);
            let member = rest.next().filter(|_| name == "bench");
            return Some(member.map_or(name.into(), |member| format!("{name} {member}")));
        }
    }
    // `occtl --json` alone shows the help.
    Some("help".into())
}

#[test]
fn the_command_of_a_line_is_found_whatever_stands_around_it() {
    let of = |line: &str| {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        command_with_json(&words)
    };
    assert_eq!(of("send web hi --json").as_deref(), Some("send"));
    assert_eq!(of("--json -C dir --color never ls").as_deref(), Some("list"));
    assert_eq!(of("bench run plan --json").as_deref(), Some("bench run"));
    assert_eq!(of("bench run --help --json").as_deref(), Some("help"));
    assert_eq!(of("send web -- --json"), None);
    assert_eq!(of("send web hi"), None);
}
