//! OpenCode's own commands: prompts that the server makes from a template and arguments.
//!
//! The server puts the arguments into the template first. Then it runs every shell line (``!`…` ``)
//! of the result and reads every file that `@` names there, without asking for a permission and
//! also outside of the working directory. So arguments must not bring any of that.

use std::path::Path;

use super::check::Names;
use super::mentions::{Located, SUB_AGENTS, find_mentions, locate};
use super::options::PromptOptions;
use crate::client::Client;
use crate::client::wire::{Agent, ModelName, OwnCommand};
use crate::error::{Error, Result};
use crate::runner::asks::policy::Policy;
use crate::runner::asks::rules::{DENY, decide};
use crate::runner::context::Context;
use crate::runner::nearest::nearest;
use crate::runner::session::inspect::own_commands;
use crate::runner::session::server::Server;
use crate::runner::turn::record::HeldRule;

/// A command that is to be invoked.
pub(super) struct Invoked {
    command: OwnCommand,
    /// The model of the command's own agent.
    agent_model: Option<ModelName>,
    /// Whether a sub-agent does the work.
    by_sub_agent: bool,
}

/// An error if the arguments of a command would make the server run something.
pub fn check_arguments(arguments: &str) -> Result<()> {
    if arguments.contains("!`") {
        let what = "the arguments of --command hold a shell line (!`…`), which OpenCode would run";
        return Err(Error::usage(what).hint("-f FILE attaches a text that nothing runs"));
    }
    Ok(())
}

/// The first shell line of a template, if it has one: OpenCode's expression is ``!`([^`]+)` ``.
fn shell_line(text: &str) -> Option<&str> {
    text.split("!`").skip(1).find_map(|behind| {
        let (line, _) = behind.split_once('`')?;
        (!line.is_empty()).then_some(line)
    })
}

impl Invoked {
    /// The command of that name, and whether it can be invoked like this. Nothing is changed.
    pub(super) fn find(
        server: &Server,
        directory: &str,
        name: &str,
        options: &PromptOptions,
        policy: &Policy,
    ) -> Result<Invoked> {
        let command = find(own_commands(server, directory)?, name)?;
        check_paths(server, directory, &options.message)?;
        let agents = match &command.agent {
            Some(_) => server.client.agents(directory)?,
            None => Vec::new(),
        };
        let own = agents.iter().find(|agent| Some(&agent.name) == command.agent.as_ref());
        let is_sub_agent = |agent: &Agent| agent.mode.as_deref() == Some("subagent");
        let by_sub_agent = command.subtask.unwrap_or(own.is_some_and(is_sub_agent));
        let model = own.and_then(|agent| agent.model.clone());
        let agent_model = model.map(|own| ModelName { provider: own.provider, model: own.model });
        let invoked = Invoked { command, agent_model, by_sub_agent };
        let template = invoked.command.template.as_deref().unwrap_or_default();
        if policy.imposes() && shell_line(template).is_some() {
            let what = format!("command {name} runs shell lines of its template by itself");
            return Err(Error::unsupported(format!("{what}, which no rule holds for"))
                .hint("without --deny, --unlisted and --policy it runs"));
        }
        Ok(invoked)
    }

    /// An error if a flag would do nothing because the command names something itself. `has_agent`
    /// says whether an agent was named for this prompt: that of a conversation is only a default.
    pub(super) fn check_flags(&self, options: &PromptOptions, has_agent: bool) -> Result<()> {
        let OwnCommand { name, agent, model, .. } = &self.command;
        let moot = |flag: &str, why: String| {
            Err(Error::usage(format!("{flag} does nothing for command {name}: {why}")))
        };
        if let Some(agent) = agent.as_ref().filter(|_| has_agent) {
            return moot("--agent", format!("it uses agent {agent}"));
        }
        if options.model.is_some() {
            if let Some(model) = model {
                return moot("--model", format!("it uses model {model}"));
            }
            if let (Some(agent), Some(own)) = (agent, &self.agent_model) {
                let ModelName { provider, model } = own;
                return moot("--model", format!("agent {agent} uses {provider}/{model}"));
            }
        }
        if self.by_sub_agent && !options.files.is_empty() {
            return moot("--file", "the sub-agent that does its work gets no files".into());
        }
        Ok(())
    }

    /// What the prompt names in the end, given what it would name without a command.
    pub(super) fn names(&self, otherwise: Names) -> Names {
        let own = self.command.model.as_deref().and_then(|name| name.split_once('/'));
        let own = own
            .map(|(provider, model)| ModelName { provider: provider.into(), model: model.into() });
        Names {
            agent: self.command.agent.clone().or(otherwise.agent),
            model: own.or_else(|| self.agent_model.clone()).or(otherwise.model),
            variant: otherwise.variant,
        }
    }

    /// The agent of the prompt, if the command decides about it: with a sub-agent that is another
    /// one than does the work.
    pub(super) fn agent(&self) -> Option<&str> {
        self.command.agent.as_deref().filter(|_| !self.by_sub_agent)
    }

    /// An error if the work is done by a sub-agent although the rules deny that: the server starts
    /// it all the same.
    pub(super) fn check_rules(&self, rules: &[HeldRule]) -> Result<()> {
        let rules: Vec<_> = rules.iter().map(|one| one.rule.clone()).collect();
        let who = self.command.agent.as_deref().unwrap_or("*");
        let denied = decide(&rules, SUB_AGENTS, who).is_some_and(|rule| rule.action == DENY);
        if self.by_sub_agent && denied {
            let name = &self.command.name;
            let what = format!("command {name} is done by a sub-agent, and the rules deny that");
            return Err(Error::unsupported(format!("{what}: OpenCode would not obey them"))
                .hint("without --deny, --unlisted and --policy it is done"));
        }
        Ok(())
    }
}

fn find(commands: Vec<OwnCommand>, name: &str) -> Result<OwnCommand> {
    let names: Vec<String> = commands.iter().map(|command| command.name.clone()).collect();
    commands.into_iter().find(|command| command.name == name).ok_or_else(|| {
        let error = Error::not_found(format!("the server has no command {name}"));
        match nearest(name.trim_start_matches('/'), names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint(names.join(", ")),
        }
    })
}

/// An error if arguments name a path outside of the working directory, which the server would read.
fn check_paths(server: &Server, directory: &str, arguments: &str) -> Result<()> {
    let is_outside = |name: &str| match server.process {
        Some(_) => locate(Path::new(directory), name) == Some(Located::Outside),
        None => name.starts_with(['/', '~']) || name.split('/').any(|piece| piece == ".."),
    };
    let mentions = find_mentions(arguments, 0);
    match mentions.iter().find(|mention| is_outside(&mention.name)) {
        None => Ok(()),
        Some(mention) => Err(Error::usage(format!(
            "the arguments of --command name @{}, which OpenCode would read, and it is outside of \
             {directory}",
            mention.name
        ))
        .hint("-f FILE attaches a file wherever it is")),
    }
}

/// Tells the user that a prompt looks like a command of the server, which it is not: a prompt is
/// sent as it stands. The server is asked only if the first word may be a command.
pub(super) fn warn_of_words(context: &Context, client: &Client, directory: &str, message: &str) {
    let word = message.strip_prefix('/').and_then(|rest| rest.split_whitespace().next());
    let Some(name) = word.filter(|name| !name.contains('/') && !message.starts_with("/ ")) else {
        return;
    };
    let known = client.commands(directory).unwrap_or_default();
    if known.iter().any(|command| command.name == name) {
        (context.say)(&format!(
            "/{name} is a command of OpenCode, and is sent as words (--command {name} invokes it)"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_line_is_found_as_opencode_finds_it() {
        assert_eq!(shell_line("a !`ls -l` b"), Some("ls -l"));
        assert_eq!(shell_line("!`` !`x`"), Some("x"));
        for text in ["`ls`", "wow! `x`", "!`open", "!``"] {
            assert_eq!(shell_line(text), None, "{text}");
        }
        assert_eq!(check_arguments("!`id").unwrap_err().code.exit(), 2, "the template may end it");
        assert!(check_arguments("fix #3 now!").is_ok());
    }
}
