//! What every command works with.

use std::time::Duration;

use super::output::{self, Output};
use crate::error::Result;
use crate::runner::{Context, Environment, Purpose};

/// What a command needs to run.
pub struct App {
    /// Where its results go.
    pub out: Output,
    /// `--json`.
    pub json: bool,
    /// How long the command may take, if the user said so.
    pub limit: Option<Duration>,
    /// What it does with the session that it takes where none is named.
    pub purpose: Purpose,
}

impl App {
    /// Says something on stderr that is no error.
    pub fn say(&self, text: &str) {
        if self.json { output::say_json(text) } else { output::say(text) }
    }

    /// What the runner needs. An error if there is no directory for the store.
    pub fn context(&self) -> Result<Context> {
        let say = if self.json { output::say_json } else { output::say };
        let context = Context::new(Environment::of_process(), say)?;
        Ok(context.limited_to(self.limit).for_purpose(self.purpose))
    }
}
