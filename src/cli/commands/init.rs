use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;

pub const COMMAND: Command = Command {
    name: "init",
    summary: "Run a command as the first process of a container",
    about: &[
        "SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are handed on to COMMAND. On a \
         terminal SIGINT and SIGQUIT are not: there they are taken for keys such as Ctrl-C, which \
         reach COMMAND without that. Processes whose parent has ended are reaped. The \
         status is COMMAND's, or 128 and the number of the signal that ended it.",
        "Once COMMAND has ended, all that still runs below occtl, servers too, gets SIGTERM, and \
         SIGKILL after --grace or at a further signal. Their sessions stay in the store, as dead \
         ones that `occtl restart` brings back. Without COMMAND this happens as soon as a signal \
         asks for an end.",
        "It works in the same way where it is not the first process.",
    ],
    operands: &[Operand::optional("COMMAND", "The command and its words; -- stands before them")
        .absent("wait for a signal")
        .many()],
    flags: &[&[Flag::value(
        "grace",
        None,
        "SECONDS",
        "Time between SIGTERM and SIGKILL at the end",
    )
    .default("8")]],
    examples: &[
        ("occtl init -- occtl run 'Say hello.'", "what a container's ENTRYPOINT may be"),
        ("occtl init", "a container in which other commands start and stop servers"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let command = words.os_rest();
    let grace = words.seconds_or_zero("grace")?;
    Ok(Box::new(move |app| {
        let ended = runner::init::init(&command, grace)?;
        if !ended.left.is_empty() {
            let pids: Vec<String> = ended.left.iter().map(u32::to_string).collect();
            app.say(&format!("warning: SIGKILL did not end {}", pids.join(", ")));
        }
        Ok(Exit(ended.status))
    }))
}
