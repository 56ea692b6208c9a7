//! SIGHUP, SIGINT and SIGTERM, for commands that have something to bring to an end before they
//! exit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::error::{Code, Error, Result};
use crate::process;
use crate::units::call_before_signal_ends;

/// What a user ends commands with.
const ENDING: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

/// Remembers the first signal. A second one ends the process at once, unless it is the first one
/// sent twice.
#[derive(Clone, Debug)]
pub struct Signals {
    received: Arc<AtomicUsize>,
    fatal: Arc<AtomicBool>,
}

impl Signals {
    /// From now on signals are remembered and do not end the process.
    pub fn catch() -> Result<Signals> {
        let received = Arc::default();
        let fatal = Arc::default();
        process::catch(ENDING, &received, &fatal)
            .map_err(|error| Error::failed(format!("cannot catch signals: {error}")))?;
        Ok(Signals { received, fatal })
    }

    /// From now on `act` is called right before a signal ends the process. It may neither lock nor
    /// allocate.
    pub fn call_before_end(act: fn()) {
        call_before_signal_ends(act);
        // Without that signals end the process as they always did.
        let _ = process::end_in_order(ENDING);
    }

    /// Says whether a signal ends the process at once, which is right while there is nothing to
    /// bring to an end: a first signal that is only remembered goes unnoticed until the request to
    /// a silent server is over. Once a signal has arrived this changes nothing.
    pub fn set_fatal(&self, fatal: bool) {
        if self.received().is_none() {
            self.fatal.store(fatal, Ordering::Relaxed);
        }
    }

    /// From now on a write beyond `ulimit -f` is an error like a full disk, and does not end the
    /// process in the middle of its work. Programs that occtl starts get the signal as before.
    pub fn survive_full_files() -> Result<()> {
        let failed = |error| Error::failed(format!("cannot catch signals: {error}"));
        flag::register(SIGXFSZ, Arc::default()).map(drop).map_err(failed)
    }

    /// The number of the signal that has arrived, or zero.
    pub fn flag(&self) -> &Arc<AtomicUsize> {
        &self.received
    }

    /// The code of the signal that has arrived, if one has.
    pub fn received(&self) -> Option<Code> {
        match self.received.load(Ordering::Relaxed) as i32 {
            SIGHUP => Some(Code::HungUp),
            SIGINT => Some(Code::Interrupted),
            SIGTERM => Some(Code::Terminated),
            _ => None,
        }
    }
}
