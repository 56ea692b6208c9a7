//! Processes of `bench` that end with the process which has started them: they would go on to spend
//! tokens, although the batch that is continued takes their runs for torn.

use crate::error::{Error, Result};
use crate::runner::programs::terminate_with;

/// The last word for a hidden command of `bench` that is to end with this process.
pub fn bound_to_us() -> [String; 1] {
    [std::process::id().to_string()]
}

/// Binds this process to the one that has started it, which is that word; nothing without it.
pub fn bind(parent: Option<&str>) -> Result<()> {
    let Some(parent) = parent else { return Ok(()) };
    let id = parent.parse().map_err(|_| Error::usage(format!("{parent} is no process")))?;
    terminate_with(id).map_err(|error| {
        Error::failed(format!("the process {parent} that has started this one is gone: {error}"))
    })
}
