//! Parses the command line and formats results. It knows neither HTTP nor the store.

mod app;
mod commands;
mod completions;
mod help;
mod man;
mod output;
mod policy_flags;
mod show;
mod spec;
mod turn_flags;
pub mod words;

use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

pub use app::App;

use crate::error::{Error, Result};
use crate::runner::Purpose;

use commands::COMMANDS;
use output::Output;
use spec::Exit;
use words::{Found, Global};

/// The whole program: reads the command line, runs the command, and gives the exit status.
pub fn main() -> ExitCode {
    let mut global = Global::default();
    let result = act(std::env::args_os().skip(1).collect(), &mut global);
    output::end_status();
    match result {
        Ok(Exit(status)) => ExitCode::from(status),
        Err(error) => {
            output::print_error(&error, global.json);
            ExitCode::from(error.code.exit())
        }
    }
}

/// Reads a command line, without the program's name. This has no other effect.
pub fn read(arguments: Vec<OsString>, global: &mut Global) -> Result<Found> {
    words::read(arguments, COMMANDS, global)
}

/// Whether a user may wait for a command on a terminal that the command leaves to occtl.
fn has_status(command: &spec::Command) -> bool {
    !command.is_hidden() && !["attach", "help", "init"].contains(&command.name)
}

fn act(arguments: Vec<OsString>, global: &mut Global) -> Result<Exit> {
    // Reading stops at the first mistake, which may stand before --json.
    let json = arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    let found = read(arguments, global).inspect_err(|_| global.json = json)?;
    let purpose = match &found {
        Found::Command(words) => words.command.purpose(),
        Found::Help(_) | Found::Version | Found::Nothing => Purpose::Read,
    };
    let out = Output::new(global.color());
    let mut app = App { out, json: global.json, limit: None, purpose };
    for directory in &global.directories {
        enter(directory)?;
    }
    match found {
        Found::Command(words) => {
            let action = (words.command.parse)(&words)?;
            let is_typed = !words.stdin_uses().is_empty() && std::io::stdin().is_terminal();
            if has_status(words.command) && !is_typed {
                output::status(&format!("occtl {}", words.command.name));
            }
            if let Some(what) = words.stdin_uses().first()
                && std::io::stdin().is_terminal()
            {
                let text = format!(
                    "reading {what} from the terminal; Ctrl-D at the start of a line ends it"
                );
                output::notice(&text, global.json);
            }
            action(&mut app)
        }
        Found::Help(command) => commands::help::print(&mut app, COMMANDS, command),
        Found::Version => commands::version::print(&mut app),
        Found::Nothing => {
            if !app.json {
                output::explain(&help::first(app.out.width()));
            }
            Err(Error::usage("no command is given").hint("occtl help lists them"))
        }
    }
}

/// Goes to the directory of `-C`.
fn enter(directory: &Path) -> Result<()> {
    std::env::set_current_dir(directory).map_err(|error| {
        let name = directory.display();
        match error.kind() {
            ErrorKind::NotFound => Error::not_found(format!("there is no directory {name}")),
            _ => Error::usage(format!("-C cannot be {name}: {error}")),
        }
    })
}
