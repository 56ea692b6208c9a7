//! What the tables say, against what the commands do.

use std::collections::BTreeSet;
use std::ffi::OsString;

use super::COMMANDS;
use crate::cli::help;
use crate::cli::spec::{Command, GLOBAL};
use crate::cli::words::{Found, Words, read};

/// The words of a command with its operands and without flags.
fn plain_words(command: &'static Command) -> Words {
    Words::given(command, command.operands.iter().map(|operand| operand.name.into()).collect())
}

#[test]
fn every_flag_of_the_table_is_read_by_its_command() {
    for command in COMMANDS.iter().copied() {
        let words = plain_words(command);
        let _ = (command.parse)(&words);
        let read: BTreeSet<&str> = words.read.take().into_keys().collect();
        let listed: BTreeSet<&str> = command.all_flags().map(|flag| flag.long).collect();
        assert_eq!(read, listed, "of occtl {}", command.name);
    }
}

#[test]
fn a_command_gets_the_default_that_the_help_shows_for_each_flag_that_has_one() {
    let mut count = 0;
    for command in COMMANDS.iter().copied() {
        let words = plain_words(command);
        let _ = (command.parse)(&words);
        let read = words.read.take();
        let help = help::command(command);
        let (_, rows) = help.split_once("\nFlags:\n").unwrap();
        for flag in command.all_flags() {
            let Some(default) = flag.absent.default() else { continue };
            let name = command.name;
            let long = flag.long;
            assert_eq!(read[long], [default], "--{long} of occtl {name}");
            // A row has the flag's names, then two blanks, then what it does.
            let names = |row: &str| row.trim_start().split("  ").next().map(str::to_owned);
            let has_flag = |names: String| names.contains(&format!("--{long} "));
            let row = rows.lines().find(|row| names(row).is_some_and(has_flag));
            let shown = row.is_some_and(|row| row.ends_with(&format!(" [{default}]")));
            assert!(shown, "--{long} of occtl {name}: {row:?}");
            count += 1;
        }
    }
    assert!(count > 10, "only {count} flags have a default");
}

/// The words after each `occtl` in a line of shell. Only plain and quoted words are understood.
fn command_lines(line: &str) -> Vec<Vec<OsString>> {
    let mut found = Vec::new();
    if let Some((before, rest)) = line.rsplit_once("$(")
        && let Some((inner, after)) = rest.split_once(')')
    {
        found = command_lines(inner);
        found.extend(command_lines(&format!("{before}X{after}")));
        return found;
    }
    for rest in line.split("occtl ").skip(1) {
        let mut words = Vec::new();
        let mut word = String::new();
        let mut quote = None;
        for c in rest.chars().chain([' ']) {
            match c {
                c if quote == Some(c) => quote = None,
                c if quote.is_some() => word.push(c),
                '\'' | '"' => quote = Some(c),
                ' ' if !word.is_empty() => words.push(std::mem::take(&mut word).into()),
                ' ' => {}
                '|' | '>' | '<' | ')' | ';' | '`' | '&' => break,
                c => word.push(c),
            }
        }
        words.extend((!word.is_empty()).then(|| word.into()));
        found.push(words);
    }
    found
}

#[test]
fn every_example_of_the_help_and_of_the_documents_is_accepted() {
    let examples = COMMANDS.iter().flat_map(|command| command.examples);
    let mut lines: Vec<&str> = examples.map(|(line, _)| *line).collect();
    for text in [include_str!("../../../README.md"), include_str!("../../../docs/recipes.md")] {
        let mut fenced = false;
        for line in text.lines().filter(|line| !line.contains("occtl: ")) {
            fenced ^= line.starts_with("```");
            lines.extend((fenced || line.starts_with("    ")).then_some(line));
        }
    }
    let plain = |line: &str| command_lines(&line.replace("${LIMIT:-1200}", "1200"));
    let lines: Vec<_> = lines.into_iter().flat_map(plain).collect();
    for words in &lines {
        let accepted = match read(words.clone(), COMMANDS, &mut Default::default()) {
            Ok(Found::Command(words)) => (words.command.parse)(&words).map(drop),
            other => other.map(drop),
        };
        assert!(accepted.is_ok(), "{words:?}: {accepted:?}");
    }
    assert!(lines.len() > 50, "only {} examples were found", lines.len());
}

#[test]
fn no_command_uses_a_letter_or_a_name_twice() {
    for command in COMMANDS.iter().copied() {
        let mut longs = BTreeSet::new();
        let mut shorts = BTreeSet::new();
        let own_json = command.all_flags().any(|flag| flag.long == "json");
        let global = GLOBAL.iter().filter(|flag| !(own_json && flag.long == "json"));
        for flag in command.all_flags().chain(global) {
            assert!(longs.insert(flag.long), "--{} of {}", flag.long, command.name);
            let letter = flag.short.is_none_or(|short| shorts.insert(short));
            assert!(letter, "-{:?} of {}", flag.short, command.name);
        }
    }
}
