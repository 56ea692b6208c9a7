use std::ffi::OsStr;
use std::path::Path;

use crate::cli::App;
use crate::cli::output::file::NewFile;
use crate::cli::spec::{Action, Command, Commands, Exit, Flag, Operand};
use crate::cli::words::{Words, find, find_member};
use crate::cli::{help, man};
use crate::error::{Error, Result};

pub const COMMAND: Command = Command {
    name: "man",
    summary: "Print the man page of occtl, or of one of its commands",
    about: &["The pages say the same as `occtl help`; `make install` puts them where man looks."],
    operands: &[
        Operand::optional("COMMAND", "The command").absent("occtl itself"),
        Operand::optional("SECOND", "The second word of a command that has two"),
    ],
    flags: &[&[Flag::value("output", Some('o'), "DIR", "Write all pages to this directory")]],
    examples: &[
        ("occtl man send | man -l -", "read the page of send"),
        ("occtl man -o ~/.local/share/man/man1", "all pages, to where man looks for them"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let commands = words.commands;
    let output = words.path("output");
    let first = words.operand(0)?;
    let mut command = first.map(|name| find(commands, OsStr::new(&name))).transpose()?;
    if let (Some(family), Some(second)) = (command, words.operand(1)?) {
        command = Some(find_member(commands, family, OsStr::new(&second))?);
    }
    match output {
        Some(_) if command.is_some() => {
            Err(Error::usage("--output and a COMMAND cannot be used together")
                .hint("it writes all pages"))
        }
        Some(directory) => Ok(Box::new(move |_| write_all(commands, &directory))),
        None => Ok(Box::new(move |app| print(app, commands, command))),
    }
}

fn print(app: &mut App, commands: Commands, command: Option<&'static Command>) -> Result<Exit> {
    app.out.write(&page(commands, command))?;
    Ok(Exit::OK)
}

fn page(commands: Commands, command: Option<&'static Command>) -> String {
    command.map_or_else(|| man::overview(commands, &help::INTRODUCTION), man::page)
}

fn write_all(commands: Commands, directory: &Path) -> Result<Exit> {
    std::fs::create_dir_all(directory).map_err(|error| {
        Error::failed(format!("{} cannot be made: {error}", directory.display()))
    })?;
    for command in std::iter::once(None).chain(man::described(commands).map(Some)) {
        let mut file = NewFile::create(&directory.join(man::name(command) + ".1"))?;
        file.write(&page(commands, command))?;
        file.finish()?;
    }
    Ok(Exit::OK)
}
