//! A second process that ends a session when the first one is killed, however that comes about.
//!
//! The kernel kills the server with us (`PR_SET_PDEATHSIG`), but not what the server started: its
//! tools run in sessions of their own. So `run` starts this program once more. That one holds the
//! reading end of a pipe, and the pipe ends when `run` does.

use std::ffi::OsStr;
use std::time::Duration;

use super::end::{end_processes, sweep};
use super::remains;
use crate::error::{Error, Result};
use crate::process::{self, Guardian};
use crate::runner::context::Context;
use crate::runner::session::life::MARK;
use crate::store::Record;
use crate::units::{Deadline, TICK, pause};

/// For how long the guard tries to bring what it guards to an end.
const KEEPS_TRYING: Duration = Duration::from_secs(60);

/// Starts a guard. It is there before the session is, and told its id before anything of it exists.
pub fn start(context: &Context) -> Result<Guardian> {
    let mut variables = context.environment.variables.clone();
    // With an outer session's mark it would be stopped together with that.
    variables.remove(MARK);
    variables.set("OCCTL_DATA_DIR", context.environment.data_directory()?);
    Guardian::start(&[OsStr::new("guard")], &variables)
        .map_err(|error| Error::failed(format!("cannot start the guard of a session: {error}")))
}

/// The guard itself: waits until its parent has ended, and then ends what that left of its session.
pub fn guard(context: &Context) -> Result<()> {
    let session = process::ended_input();
    // It was killed before it had one.
    if !session.starts_with("oc-") {
        return Ok(());
    }
    let deadline = Deadline::after(KEEPS_TRYING);
    loop {
        match end(context, &session) {
            // A process that dies slowly, or a lock that is held for long: no other process is left
            // to try again.
            Err(_) if !deadline.expired() => pause(TICK),
            ended => return ended,
        }
    }
}

fn end(context: &Context, session: &str) -> Result<()> {
    let record = context.store.read()?.record(session)?;
    let recorded = record.is_some();
    if let Some(record) = &record {
        end_processes(record, None, Duration::ZERO, Deadline::never())?;
    } else if context.store.unfinished().is_some() {
        context.store.remove_unfinished()?;
    }
    remains::forget_unfinished(context, session)?;
    // The files may be there without the record. They go first: on a full disk they are its room.
    let isolated = Some(String::new());
    let files = || Record { id: session.into(), isolated, ..Record::default() };
    sweep(context, &record.unwrap_or_else(files));
    if recorded {
        context.update(|document| Ok(document.remove(session)))?;
    }
    Ok(())
}
