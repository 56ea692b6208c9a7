//! Secrets cannot be printed by accident.

use super::hold;
use super::text::{code, files, without_strings, words};

/// Fields that hold secrets: passwords, and variables, which hold the keys of providers.
const SECRET: [&str; 4] = ["password", "authorization", "variables", "environment"];

/// Structs that derive `Debug` and have a field with a secret.
fn printable_secrets(_: &str, text: &str) -> Vec<String> {
    let bare = without_strings(&code(text));
    let words: Vec<&str> = words(&bare).into_iter().map(|(_, word)| word).collect();
    let mut faults = Vec::new();
    let mut printable = false;
    let mut name = "";
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        match *word {
            "derive" => {
                let derived = words[at..].iter().take_while(|word| **word != "]");
                printable = derived.into_iter().any(|word| *word == "Debug");
            }
            "struct" => name = next,
            "}" | ";" => printable = false,
            _ if printable && next == ":" && SECRET.contains(word) => {
                faults.push(format!("{name} shows its {word}"));
            }
            _ => {}
        }
    }
    faults
}

#[test]
fn no_struct_with_a_secret_derives_debug() {
    hold(&files("src", ".rs"), printable_secrets);
    let of = |derives: &str, field: &str| {
        printable_secrets(
            "",
            &format!("#[derive({derives})]\npub struct A<'a> {{\n    {field}\n}}"),
        )
    };
    assert_eq!(of("Clone, Debug", "pub password: &'a str,"), ["A shows its password"]);
    assert_eq!(of("Debug", "b: B,\n    variables: Vec<OsString>"), ["A shows its variables"]);
    assert_eq!(of("Clone", "password: String,"), [""; 0]);
    assert_eq!(of("Debug", "password_file: PathBuf, // password: String"), [""; 0]);
    let other = "#[derive(Debug)]\nstruct A;\nstruct B {\n    password: String,\n}";
    assert_eq!(printable_secrets("", other), [""; 0]);
}
