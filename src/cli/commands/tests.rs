//! What the tables say, against what the commands do.

use std::collections::BTreeSet;
use std::ffi::OsString;

use super::COMMANDS;
use crate::cli::help;
use crate::cli::spec::{Command, Flag, GLOBAL, Operand, flags_of};
use crate::cli::words::{Found, Words, read};
use crate::runner::Purpose;

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
        let help = help::command(COMMANDS, command, usize::MAX);
        let rows: Vec<&str> = help.lines().collect();
        for flag in command.all_flags() {
            let Some(default) = flag.absent.default() else { continue };
            let name = command.name;
            let long = flag.long;
            assert_eq!(read[long], [default], "--{long} of occtl {name}");
            // A row has the flag's names, then two blanks, then what it does, or that stands below.
            let has_flag = |row: &&str| {
                let names = row.trim_start().split("  ").next().unwrap_or_default();
                row.starts_with("  ") && names.contains(&format!("--{long} "))
            };
            let row = rows.iter().position(has_flag).unwrap();
            let shown =
                rows[row..row + 2].iter().any(|row| row.ends_with(&format!(" [{default}]")));
            assert!(shown, "--{long} of occtl {name}: {:?}", rows[row]);
            count += 1;
        }
    }
    assert!(count > 10, "only {count} flags have a default");
}

/// What becomes of a command line, as far as it can be known without doing anything.
fn judged(line: &str) -> Result<(), String> {
    let words = line.split(' ').map(|word| word.trim_matches('\'').into()).collect();
    let read = match read(words, COMMANDS, &mut Default::default()) {
        Ok(Found::Command(words)) => (words.command.parse)(&words).map(drop),
        other => other.map(drop),
    };
    read.map_err(|error| {
        assert_eq!(error.code.exit(), 2, "{line}: {error}");
        error.to_string()
    })
}

/// A flag as it is typed, with a value that it accepts.
fn typed(flag: &Flag) -> String {
    match (flag.value, flag.choices) {
        (None, _) => format!("--{}", flag.long),
        (Some(_), [choice, ..]) => format!("--{}={choice}", flag.long),
        (Some("SECONDS" | "N" | "USD" | "PORT" | "PID"), []) => format!("--{}=7", flag.long),
        (Some("DAY"), []) => format!("--{}=7d", flag.long),
        (Some("SHARE"), []) => format!("--{}=0.2", flag.long),
        (Some("RULE"), []) => format!("--{}=bash", flag.long),
        (Some("WHAT"), []) => format!("--{}=idle", flag.long),
        (Some(_), []) => format!("--{}=x", flag.long),
    }
}

#[test]
fn a_flag_that_would_do_nothing_is_refused_and_the_error_says_what_it_is_for() {
    let mut count = 0;
    for command in COMMANDS.iter().copied() {
        let flag_of = |long: &str| flags_of(Some(command)).find(|flag| flag.long == long).unwrap();
        for flag in command.all_flags() {
            // Operands that any command accepts, because none of its own names has a meaning here.
            let word = |operand: &Operand| *operand.choices.first().unwrap_or(&"x");
            let listed = command.operands.iter().map(word);
            let words: Vec<&str> = match command.name {
                "bench run" => vec!["x", "-o", "x"],
                name if name.starts_with("bench ") => listed.collect(),
                _ => listed.take(2).collect(),
            };
            let line = [&[command.name], &words[..], &[&typed(flag)]].concat().join(" ");
            for needed in flag.needs {
                let error = judged(&line).unwrap_err();
                assert!(error.starts_with(&format!("--{} is for --", flag.long)), "{error}");
                assert!(error.contains(&format!("--{needed}")), "{error}");
                let with = format!("{line} {}", typed(flag_of(needed)));
                assert_eq!(judged(&with), Ok(()), "{with}");
                count += 1;
            }
            for excluded in flag.excludes.0 {
                let both = format!("{line} {}", typed(flag_of(excluded)));
                let error = judged(&both).unwrap_err();
                assert!(error.contains("cannot be used together ("), "{both}: {error}");
                count += 1;
            }
        }
    }
    assert!(count > 30, "only {count} combinations were tried");
    let limits = "--stall-timeout=7 --max-retries=7 --max-steps=7 --max-cost=7 --no-abort \
        --on-event=x --on-permission=fail --on-question=fail --verbose";
    for flag in limits.split_whitespace() {
        let long = flag.split('=').next().unwrap();
        let error = judged(&format!("send x y {flag}")).unwrap_err();
        assert_eq!(error, format!("{long} is for --wait, --stream or occtl wait --turn"));
        assert_eq!(judged(&format!("wait x {flag}")).unwrap_err(), format!("{long} is for --turn"));
        let keep = if long == "--no-abort" { " --keep" } else { "" };
        assert_eq!(judged(&format!("run x {flag}{keep}")), Ok(()));
    }
    // Behind a wall --allow is a rule, and a file may build one.
    let error = judged("send x y --allow=bash").unwrap_err();
    let expected = "--allow is for --wait, --stream, --unlisted, --policy or occtl wait --turn";
    assert_eq!(error, expected);
    for rule in ["--deny=bash", "--unlisted=ask", "--unlisted=ask --allow=bash", "--policy=x"] {
        assert_eq!(judged(&format!("send x y {rule}")), Ok(()));
        assert_eq!(judged(&format!("run x {rule}")), Ok(()));
        assert!(judged(&format!("wait x {rule}")).is_err());
    }
    assert!(judged("wait x --turn=msg_1 --unlisted=ask").is_err());
    assert_eq!(judged("wait x --turn=msg_1 --deny=bash --allow=bash"), Ok(()));
}

#[test]
fn a_flag_is_refused_beside_another_one_that_leaves_it_nothing_to_do() {
    for (moot, why) in [
        ("stop --all --recursive", "--recursive and --all cannot be used together"),
        ("list -q -o id", "--format and --quiet cannot be used together"),
        ("list -q --no-git", "--no-git and --quiet cannot be used together"),
        ("diff x -p -q", "--patch and --quiet cannot be used together"),
        ("send x y --stream -q", "--stream and --quiet cannot be used together"),
        ("run x --no-abort", "--no-abort is for --keep"),
        ("doctor --forget-elsewhere", "--forget-elsewhere is for --fix"),
        ("wait x --any", "--any is for several -s"),
        ("wait x --any -s ses_1", "--any is for several -s"),
        ("wait x --all -s ses_1", "--all is for several -s"),
        ("wait x -s ses_1 --until dead", "-s is not for --until dead alone"),
    ] {
        assert!(judged(moot).unwrap_err().starts_with(why), "{moot}: {:?}", judged(moot));
    }
    for other in ["", "idle", "ask"] {
        let until = if other.is_empty() { "".into() } else { format!(" --until {other}") };
        assert_eq!(judged(&format!("wait x -s ses_1 -s ses_2 --any{until}")), Ok(()));
    }
}

#[test]
fn every_command_that_takes_a_session_says_what_it_does_with_it() {
    for command in COMMANDS.iter().copied() {
        for operand in command.operands {
            let said = operand.session.is_some() || operand.name != "SESSION";
            assert!(said, "occtl {}: SESSION_TO_READ or SESSION_TO_USE", command.name);
        }
    }
    let without = ["stop", "permissions", "logs"];
    for command in COMMANDS.iter().filter(|one| one.operands.len() == 1) {
        let takes_session = command.operands[0].session.is_some();
        assert_eq!(
            command.may_omit_session(),
            takes_session && !without.contains(&command.name),
            "occtl {}",
            command.name
        );
    }
    for (line, purpose) in [("status", Purpose::Read), ("touch", Purpose::Act)] {
        let Ok(Found::Command(words)) = read(vec![line.into()], COMMANDS, &mut Default::default())
        else {
            panic!("{line} without a SESSION is refused");
        };
        assert_eq!(words.command.purpose(), purpose);
        assert_eq!(words.required(0).unwrap(), ".");
    }
}

#[test]
fn a_word_that_is_not_accepted_is_answered_with_the_nearest_that_is_or_with_all_of_them() {
    for (line, expected) in [
        ("bench import nope x", "FORMAT cannot be nope (one of harbor, exercism, swebench)"),
        ("bench import exercisms x", "FORMAT cannot be exercisms (did you mean exercism?)"),
        ("bench export nope x", "FORMAT cannot be nope (one of atif, harbor, predictions)"),
        ("bench export aitf x", "FORMAT cannot be aitf (did you mean atif?)"),
        ("completions bahs", "SHELL cannot be bahs (did you mean bash?)"),
        ("config x agents", "SECTION cannot be agents (did you mean agent?)"),
        ("logs -l warning", "--level cannot be WARNING (one of DEBUG, INFO, WARN, ERROR)"),
        ("wait x --until iddle", "--until cannot be iddle (did you mean idle?)"),
        ("wait x --until text", "--until cannot be text (did you mean text:STRING?)"),
        ("list -o prot", "list has no column \"prot\" (did you mean port?)"),
        ("send x y --unlisted deyn", "--unlisted cannot be deyn (did you mean deny?)"),
        ("list --color red", "--color cannot be red (one of auto, always, never)"),
        ("bench compare x --alpha 2", "--alpha cannot be 2 (a number above 0 and below 0.5)"),
    ] {
        assert_eq!(judged(line).unwrap_err(), expected, "{line}");
    }
}

#[test]
fn zero_seconds_are_accepted_only_where_they_make_sense() {
    for line in ["stop x --grace 0", "stop x --grace 0s", "cleanup -m 0", "start -t 1m30s"] {
        assert_eq!(judged(line), Ok(()), "{line}");
    }
    for line in ["start -t 0", "run x -t 0ms", "run x --stall-timeout 0", "events x -t 0"] {
        assert!(judged(line).unwrap_err().contains("cannot be 0"), "{line}");
    }
}

#[test]
fn every_combination_of_old_flags_that_the_migration_guide_lists_is_accepted() {
    let guide = include_str!("../../../docs/migrating.md");
    let (_, table) = guide.split_once("## Combinations of flags that stay accepted\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows: Vec<_> = table.lines().filter_map(|line| line.strip_prefix("| `occtl ")).collect();
    for row in &rows {
        let line = row.split('`').next().unwrap();
        assert_eq!(judged(line), Ok(()), "{line}");
    }
    assert!(rows.len() >= 8, "only {} combinations were found", rows.len());
}

#[test]
fn an_empty_value_is_refused_except_where_it_counted_as_none_in_0_4_0() {
    for command in COMMANDS.iter().copied() {
        for flag in command.all_flags().chain(&GLOBAL).filter(|flag| flag.value.is_some()) {
            let mut words: Vec<OsString> = command.name.split(' ').map(OsString::from).collect();
            words.extend(command.operands.iter().map(|operand| operand.name.into()));
            words.push(format!("--{}", flag.long).into());
            words.push("".into());
            let read = read(words, COMMANDS, &mut Default::default());
            let accepted = ["workdir", "agent"].contains(&flag.long);
            assert_eq!(read.is_ok(), accepted, "{} --{}", command.name, flag.long);
        }
    }
    let twice = ["start", "-a", "x", "-a", ""].map(OsString::from).to_vec();
    let Ok(Found::Command(words)) = read(twice, COMMANDS, &mut Default::default()) else {
        panic!("an empty agent is refused");
    };
    assert_eq!(words.value("agent").unwrap(), None, "the last one counts");
}

#[test]
fn a_dash_is_stdin_as_the_value_of_every_flag_that_takes_a_file_to_read() {
    let mut count = 0;
    for command in COMMANDS.iter().copied() {
        for flag in command.all_flags() {
            let reads = match flag.long {
                // Written, not read.
                "output" | "junit" | "trend" => false,
                long => flag.value == Some("FILE") || long == "file" || long.ends_with("-file"),
            };
            assert_eq!(flag.may_be_stdin, reads, "--{} of occtl {}", flag.long, command.name);
            count += usize::from(reads);
        }
    }
    assert!(count > 8, "only {count} flags take a file");
    for twice in ["send x - --file=-", "send x y -f - -f -", "run y -f - --schema=-"] {
        assert!(judged(twice).unwrap_err().starts_with("only one - can be stdin"), "{twice}");
    }
    assert_eq!(judged("send x -f - -- -"), Ok(()));
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
                '>' if word.chars().all(|digit| digit.is_ascii_digit()) => {
                    // The number of what is redirected.
                    word.clear();
                    break;
                }
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
    for text in [
        include_str!("../../../README.md"),
        include_str!("../../../docs/recipes.md"),
        super::skill::TEXT,
    ] {
        let mut fenced = false;
        for line in text.lines().filter(|line| !line.contains("occtl: ")) {
            fenced ^= line.starts_with("```");
            lines.extend((fenced || line.starts_with("    ")).then_some(line));
        }
    }
    // What a shell makes of these cannot be seen word by word.
    let made = [("${LIMIT:-20m}", "20m"), ("${conversations[@]/#/--session=}", "--session=ses_1")];
    let plain = |line: &str| {
        let line = made.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to));
        command_lines(&line)
    };
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
fn a_flag_that_names_a_conversation_may_be_called_so() {
    let mut count = 0;
    for command in COMMANDS.iter().copied() {
        for flag in command.all_flags().filter(|flag| flag.long == "session") {
            let is_conversation = flag.value == Some("CONVERSATION");
            let alias = is_conversation.then_some("conversation");
            assert_eq!(flag.alias, alias, "occtl {}", command.name);
            count += usize::from(is_conversation);
        }
    }
    assert!(count > 10, "only {count} flags name a conversation");
    assert_eq!(judged("send x y --conversation=ses_1 --queue"), Ok(()));
    assert!(judged("send x y --conversation ses_1 -c").unwrap_err().contains("--session"));
}

#[test]
fn no_command_uses_a_letter_or_a_name_twice() {
    for command in COMMANDS.iter().copied() {
        let mut longs = BTreeSet::new();
        let mut shorts = BTreeSet::new();
        let own_json = command.all_flags().any(|flag| flag.long == "json");
        let global = GLOBAL.iter().filter(|flag| !(own_json && flag.long == "json"));
        for flag in command.all_flags().chain(global) {
            let new = flag.longs().all(|long| longs.insert(long));
            assert!(new, "--{} of {}", flag.long, command.name);
            let letter = flag.short.is_none_or(|short| shorts.insert(short));
            assert!(letter, "-{:?} of {}", flag.short, command.name);
        }
    }
}
