//! SIGINT and SIGTERM, for commands that have something to bring to an end first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::error::{Code, Error, Result};
use crate::process;

/// Remembers the first signal; a second one, unless it is the first sent twice, ends the process at once.
#[derive(Clone, Debug)]
pub struct Signals {
    received: Arc<AtomicUsize>,
    at_once: Arc<AtomicBool>,
}

impl Signals {
    /// From now on signals are remembered instead of ending the process.
    pub fn catch() -> Result<Signals> {
        let (received, at_once) = (Arc::default(), Arc::default());
        process::catch([SIGINT, SIGTERM], &received, &at_once)
            .map_err(|error| Error::failed(format!("cannot catch signals: {error}")))?;
        Ok(Signals { received, at_once })
    }

    /// Whether a signal ends the process at once, because there is nothing to bring to an end. A
    /// request to a silent server would otherwise hold a first signal up for as long as it takes.
    pub fn leave_at_once(&self, leave: bool) {
        if self.received().is_none() {
            self.at_once.store(leave, Ordering::Relaxed);
        }
    }

    /// From now on a file that may grow no further (`ulimit -f`) is an error like a full disk, and no
    /// longer the end of the process in the middle of something. Programs that we start have the
    /// signal as it was.
    pub fn survive_full_files() -> Result<()> {
        let failed = |error| Error::failed(format!("cannot catch signals: {error}"));
        flag::register(SIGXFSZ, Arc::default()).map(drop).map_err(failed)
    }

    /// Zero until a signal arrives.
    pub fn flag(&self) -> &Arc<AtomicUsize> {
        &self.received
    }

    /// The code of the signal that has arrived, if one has.
    pub fn received(&self) -> Option<Code> {
        match self.received.load(Ordering::Relaxed) as i32 {
            SIGINT => Some(Code::Interrupted),
            SIGTERM => Some(Code::Terminated),
            _ => None,
        }
    }
}
