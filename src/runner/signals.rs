//! SIGINT and SIGTERM, for commands that have something to bring to an end first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::error::{Code, Error, Result};

/// Remembers the first signal; the second one ends the process at once.
#[derive(Clone, Debug)]
pub struct Signals {
    received: Arc<AtomicUsize>,
    at_once: Arc<AtomicBool>,
}

impl Signals {
    /// From now on signals are remembered instead of ending the process.
    pub fn catch() -> Result<Signals> {
        let received = Arc::new(AtomicUsize::new(0));
        let failed = |error| Error::failed(format!("cannot catch signals: {error}"));
        let at_once = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Remembered first: one that comes between these lines would be lost otherwise.
            flag::register_usize(signal, received.clone(), signal as usize).map_err(failed)?;
            // Handlers run in this order, so only a second signal finds the flag set.
            flag::register_conditional_shutdown(signal, 128 + signal, at_once.clone())
                .map_err(failed)?;
            flag::register(signal, at_once.clone()).map_err(failed)?;
        }
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

    /// The code of the signal that has arrived, if one has.
    pub fn received(&self) -> Option<Code> {
        match self.received.load(Ordering::Relaxed) as i32 {
            SIGINT => Some(Code::Interrupted),
            SIGTERM => Some(Code::Terminated),
            _ => None,
        }
    }
}
