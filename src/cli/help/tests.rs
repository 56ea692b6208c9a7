//! What the help and `docs/cli.md` say, against the table.

use std::fmt::Write as _;

use super::*;
use crate::cli::commands::COMMANDS;
use crate::cli::spec::outermost;

/// The commands that users see, those of families included.
fn shown(commands: Commands) -> impl Iterator<Item = &'static Command> {
    commands.iter().copied().filter(|command| !command.is_hidden())
}

/// What `docs/cli.md` must hold.
fn markdown() -> String {
    let mut text = String::from(
        "# Commands\n\nMade from the command table by `make docs`; a test fails when it is \
         stale.\n\nSECONDS is a number, or numbers with units: 90, 0.5, 500ms, 1h30m (d, \
         h, m, s, ms).\n\nA dot for SESSION, or no SESSION where there is no other operand, \
         means the session in OCCTL_SESSION, or else the live one whose directory is the working \
         directory or the nearest above it. Commands that only read also take the only one that \
         lives; the others say on stderr which one they take.\n\nEvery command also takes:\n\n| \
         flag | does |\n| --- | --- |\n",
    );
    table(&mut text, GLOBAL.iter());
    for command in shown(COMMANDS) {
        let _ = write!(text, "\n## occtl {}\n\n{}.\n\n", command.name, command.summary);
        let _ = writeln!(text, "    {}", usage(command));
        for line in command.about {
            let _ = write!(text, "\n{line}\n");
        }
        if !command.operands.is_empty() {
            text.push_str("\n| operand | is |\n| --- | --- |\n");
            for (name, help) in operand_rows(command) {
                let _ = writeln!(text, "| `{name}` | {help} |");
            }
        }
        if !command.flags.is_empty() {
            text.push_str("\n| flag | does |\n| --- | --- |\n");
            table(&mut text, command.all_flags());
        }
        for (line, what) in command.examples {
            let _ = write!(text, "\n- `{line}`: {what}");
        }
        if !command.examples.is_empty() {
            text.push('\n');
        }
    }
    text
}

fn table<'a>(text: &mut String, flags: impl Iterator<Item = &'a Flag>) {
    for (left, right) in flag_rows(flags) {
        assert!(!right.contains('|'), "{left} would break the table");
        let _ = writeln!(text, "| `{}` | {right} |", left.trim());
    }
}

#[test]
fn docs_cli_md_is_what_the_tables_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");
    if std::env::var_os("OCCTL_WRITE_DOCS").is_some() {
        std::fs::write(path, markdown()).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == markdown(), "docs/cli.md is stale: make docs writes it");
}

#[test]
fn every_command_has_help_that_names_all_of_it() {
    for one in shown(COMMANDS) {
        let text = command(COMMANDS, one, 80);
        for flag in one.all_flags() {
            assert!(flag.longs().all(|long| text.contains(&format!("--{long}"))), "{}", one.name);
        }
        let list = match one.name.split_once(' ') {
            None => overview(COMMANDS, 80),
            Some((family, _)) => {
                command(COMMANDS, outermost(COMMANDS).find(|it| it.name == family).unwrap(), 80)
            }
        };
        assert!(list.contains(one.name.rsplit(' ').next().unwrap()));
        assert!(!one.summary.ends_with('.') && !one.summary.is_empty());
    }
}

#[test]
fn help_fits_the_width_but_for_what_can_be_pasted() {
    for one in shown(COMMANDS) {
        let text = command(COMMANDS, one, 60);
        let pasted = one.examples.iter().map(|(line, _)| *line).chain(one.about.iter().copied());
        let pasted: String = pasted.collect();
        for line in text.lines().filter(|line| !line.starts_with("Usage: ")) {
            let words = line.trim();
            let width = line.chars().count();
            assert!(
                width <= 60 || !words.contains(' ') || pasted.contains(words),
                "{} ({width}): {line}",
                one.name
            );
        }
    }
}

#[test]
fn flags_of_one_group_stand_below_one_heading() {
    let send = COMMANDS.iter().find(|command| command.name == "send").unwrap();
    let text = command(COMMANDS, send, 80);
    for (heading, flag) in [
        ("Prompt", "--model"),
        ("Conversation", "--conversation"),
        ("Limits", "--max-cost"),
        ("Permissions", "--unlisted"),
        ("Output", "--stream"),
        ("Flags of every command", "--json"),
    ] {
        let (_, below) = text.split_once(&format!("\n{heading}:\n")).unwrap();
        let (block, _) = below.split_once("\n\n").unwrap();
        assert!(block.contains(flag), "{flag} is not below {heading}");
    }
}
