use crate::cli::spec::{Action, Command, Exit};
use crate::cli::words::Words;
use crate::error::Result;

/// What it prints.
pub const TEXT: &str = include_str!("skill.md");

pub const COMMAND: Command = Command {
    name: "skill",
    summary: "Print a SKILL.md that teaches an agent to use occtl",
    about: &["Put it where your agent looks for skills. No command in it waits without a limit."],
    operands: &[],
    flags: &[],
    examples: &[
        (
            "mkdir -p .opencode/skill/occtl && occtl skill > .opencode/skill/occtl/SKILL.md",
            "give it to the agents of a project",
        ),
        ("occtl skill | less", "read it"),
    ],
    parse,
};

fn parse(_: &Words) -> Result<Action> {
    Ok(Box::new(|app| {
        app.out.write(TEXT)?;
        Ok(Exit::OK)
    }))
}

#[cfg(test)]
mod tests {
    use super::TEXT;

    /// The lines of the blocks of shell.
    fn lines() -> Vec<&'static str> {
        let mut fenced = false;
        let mut lines = Vec::new();
        for line in TEXT.lines() {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if fenced {
                lines.push(line);
            }
        }
        lines
    }

    #[test]
    fn no_command_of_the_skill_can_wait_without_a_limit() {
        assert!(lines().len() > 15);
        for line in lines() {
            let (_, command) = line.split_once("occtl ").expect(line);
            let words: Vec<&str> = command.split(' ').collect();
            // These end by themselves, whatever the server does.
            let is_short = ["stop", "status", "cleanup", "tail"].contains(&words[0]);
            let only_sends = words[0] == "send" && !words.contains(&"--wait");
            assert!(words.contains(&"-t") || is_short || only_sends, "{line}");
            let endless = ["-f", "--follow", "--watch", "events"];
            assert!(words.iter().all(|word| !endless.contains(word)), "{line}");
        }
    }
}
