use crate::cli::completions::{SHELLS, script};
use crate::cli::spec::{Action, Command, Exit, Operand};
use crate::cli::words::Words;
use crate::error::Result;

pub const COMMAND: Command = Command {
    name: "completions",
    summary: "Print the completions for a shell: bash, zsh or fish",
    about: &[
        "Commands, flags and their values are completed, and also what only occtl knows: sessions \
         and their names, conversations, turns, asks, models, agents, and the tasks and arms of a \
         plan. occtl itself is asked for all of it, for a tenth of a second; a server that does \
         not answer in time adds nothing.",
        "`make install` puts them where the shells find them.",
    ],
    operands: &[Operand::required("SHELL", "bash, zsh or fish").choices(SHELLS)],
    flags: &[],
    examples: &[
        ("source <(occtl completions bash)", "in ~/.bashrc; the same with zsh in ~/.zshrc"),
        ("occtl completions fish > ~/.config/fish/completions/occtl.fish", "for fish"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let script = script(&words.required(0)?);
    Ok(Box::new(move |app| {
        app.out.write(script)?;
        Ok(Exit::OK)
    }))
}
