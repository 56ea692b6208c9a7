//! Flags that would do nothing: without a flag that they need, beside a flag that they exclude, or
//! with an empty value. Each is refused, because the user believes that it holds.

use super::wrong::wrong_value;
use crate::cli::spec::{Flag, Words};
use crate::error::{Error, Result};

impl Words {
    /// Checks the flags that were given against each other, by the table.
    pub(super) fn check_flags(&self) -> Result<()> {
        let given = |long: &str| self.flags.iter().any(|(name, _)| *name == long);
        for flag in self.command.all_flags().filter(|flag| given(flag.long)) {
            if !flag.needs.is_empty() && !flag.needs.iter().any(|needed| given(needed)) {
                return Err(Error::usage(format!("--{} is for {}", flag.long, purpose(flag))));
            }
            let (excluded, why) = flag.excludes;
            if let Some(other) = excluded.iter().find(|other| given(other)) {
                let message = format!("--{} and --{other} cannot be used together", flag.long);
                return Err(Error::usage(message).hint(why));
            }
        }
        Ok(())
    }
}

impl Words {
    /// What the command reads from stdin, as it is called on the command line.
    pub fn stdin_uses(&self) -> Vec<String> {
        let listed = self.command.operands;
        let may_be_stdin = |at: usize| {
            let last = listed.len().saturating_sub(1);
            listed.get(at.min(last)).is_some_and(|operand| operand.may_be_stdin)
        };
        let mut found = Vec::new();
        for (at, word) in self.operands.iter().enumerate().take(self.before_dashes) {
            if word == "-" && may_be_stdin(at) {
                found.push("MESSAGE".into());
            }
        }
        for flag in self.command.all_flags().filter(|flag| flag.may_be_stdin) {
            let own = self.flags.iter().filter(|(long, value)| *long == flag.long && value == "-");
            found.extend(own.map(|_| format!("--{}", flag.long)));
        }
        found
    }

    /// Stdin can be read only once.
    pub(super) fn check_stdin(&self) -> Result<()> {
        match &self.stdin_uses()[..] {
            [] | [_] => Ok(()),
            several => {
                let several = several.join(" and ");
                Err(Error::usage(format!("only one - can be stdin, not {several}"))
                    .hint("after -- a dash is a dash"))
            }
        }
    }

    /// All operands from an index on. `None` is stdin.
    pub fn rest_or_stdin(&self, index: usize) -> Result<Vec<Option<String>>> {
        let words = self.rest(index)?.into_iter().enumerate();
        let is_stdin = |at: usize, word: &str| word == "-" && at + index < self.before_dashes;
        Ok(words.map(|(at, word)| (!is_stdin(at, &word)).then_some(word)).collect())
    }
}

/// What a flag is for: `--wait, --stream or occtl wait --turn`.
fn purpose(flag: &Flag) -> String {
    let needed = flag.needs.iter().map(|long| format!("--{long}"));
    let elsewhere = (!flag.elsewhere.is_empty()).then(|| flag.elsewhere.to_string());
    any_of(&needed.chain(elsewhere).collect::<Vec<_>>())
}

/// `a, b or c`.
pub fn any_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The error about a flag with an empty value.
pub(super) fn empty_value(flag: &Flag) -> Error {
    wrong_value(&format!("--{}", flag.long), "", "leave the flag out if there is no value")
}
