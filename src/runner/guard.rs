//! A second process that ends a session when the first one is killed, however that comes about.
//!
//! The kernel kills the server with us (`PR_SET_PDEATHSIG`), but not what the server started: its
//! tools run in sessions of their own. So `run` starts this program once more. That one holds the
//! reading end of a pipe, and the pipe ends when `run` does.

use std::ffi::OsStr;
use std::time::Duration;

use super::Context;
use super::server::MARK;
use super::stop::{end_processes, sweep};
use crate::error::{Error, Result};
use crate::process::{self, Guardian};
use crate::units::{Deadline, TICK};

/// For how long the guard tries to bring what it guards to an end.
const KEEPS_TRYING: Duration = Duration::from_secs(60);

/// Starts the guard of a session.
pub fn start(context: &Context, session: &str) -> Result<Guardian> {
    let environment: Vec<_> = context
        .environment
        .variables
        .iter()
        // With an outer session's mark it would be stopped together with that.
        .filter(|(name, _)| name != MARK)
        .cloned()
        .collect();
    let directory = context.environment.data_directory()?;
    let mut environment = environment;
    environment.retain(|(name, _)| name != "OCCTL_DATA_DIR");
    environment.push(("OCCTL_DATA_DIR".into(), directory.into()));
    Guardian::start(&[OsStr::new("guard"), OsStr::new(session)], &environment)
        .map_err(|error| Error::failed(format!("cannot start the guard of {session}: {error}")))
}

/// The guard itself: waits until its parent has ended, and then ends what that left of the session.
pub fn guard(context: &Context, session: &str) -> Result<()> {
    process::await_end_of_input();
    let deadline = Deadline::after(KEEPS_TRYING);
    loop {
        match end(context, session) {
            // A process that dies slowly, or a lock that somebody holds for long: nobody else is left
            // to try again.
            Err(_) if !deadline.expired() => process::pause(TICK),
            ended => return ended,
        }
    }
}

fn end(context: &Context, session: &str) -> Result<()> {
    let Some(record) = context.store.read()?.record(session)? else {
        return Ok(());
    };
    end_processes(&record, None, Duration::ZERO)?;
    context.update(|document| Ok(document.remove(session)))?;
    sweep(context, &record);
    Ok(())
}
