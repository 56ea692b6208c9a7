use crate::cli::App;
use crate::cli::completions::{Asked, Candidate, Typed, next};
use crate::cli::spec::{Action, Command, Commands, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;

/// The scripts of `completions` start it. It is silent where nothing answers, and its status is 0.
pub const COMMAND: Command = Command::hidden(
    "complete",
    &[
        Operand::required("FORM", "words, or bash"),
        Operand::optional("WORD", "The words, or a line and what bash breaks words at").many(),
    ],
    parse,
);

fn parse(words: &Words) -> Result<Action> {
    let form = words.required(0)?;
    // A word that is not UTF-8 has no candidates.
    let rest = words.rest(1).unwrap_or_default();
    let commands = words.commands;
    Ok(Box::new(move |app| {
        match &*form {
            "bash" => print_bash(app, commands, &rest)?,
            _ => print(app, commands, &rest)?,
        }
        Ok(Exit::OK)
    }))
}

/// Prints what else the shell offers, and then a line for each word: the word, a tab, what it is.
fn print(app: &mut App, commands: Commands, words: &[String]) -> Result<()> {
    let Some((current, typed)) = words.split_last() else { return Ok(()) };
    let next = next(commands, typed, current, &Asked::answer);
    let line = |one: &Candidate| format!("{}\t{}\n", one.word, one.what);
    let lines: String = next.candidates.iter().map(line).collect();
    app.out.write(&format!("{}\n{lines}", next.also.name()))
}

/// Prints what bash puts in the place of the end of the line.
fn print_bash(app: &mut App, commands: Commands, words: &[String]) -> Result<()> {
    let [line, breaks] = words else { return Ok(()) };
    let typed = Typed::read(line, breaks);
    // The first word is the program.
    let Some((_, before)) = typed.words.split_first() else { return Ok(()) };
    let next = next(commands, before, &typed.current, &Asked::answer);
    let inserted = next.candidates.iter().filter_map(|one| typed.inserted(one));
    let lines: String = inserted.map(|text| text + "\n").collect();
    app.out.write(&format!("{}\n{lines}", next.also.name()))
}
