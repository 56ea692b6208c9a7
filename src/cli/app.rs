//! What every command works with.

use super::output::{self, Output};
use crate::error::Result;
use crate::runner::{Context, Environment};

/// What a command needs to run.
pub struct App {
    /// Where its results go.
    pub out: Output,
    /// `--json`.
    pub json: bool,
}

impl App {
    /// What the runner needs. An error if there is no directory for the store.
    pub fn context(&self) -> Result<Context> {
        let say = if self.json { output::say_json } else { output::say };
        Context::new(Environment::of_process(), say)
    }
}
