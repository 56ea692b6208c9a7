//! Ends what an agent has left running.

use std::time::Duration;

use crate::runner::programs::{become_subreaper, end_everything};
use crate::units::Deadline;

/// The variable that everything which is started for a run carries.
const MARK: &str = "OCCTL_TRIAL";

/// How long processes may take to end after SIGKILL. One that waits for a dead disk never does.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Takes charge of everything that will be started for the run.
pub fn take_charge() -> std::io::Result<()> {
    become_subreaper()
}

/// Kills everything that was started for a run; the pids of what does not end.
pub fn end_all(mark: &str) -> Vec<u32> {
    end_everything(MARK, mark, Deadline::after(ENDS_WITHIN))
}
