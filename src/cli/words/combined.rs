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
