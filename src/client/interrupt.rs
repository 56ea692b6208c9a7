//! Makes waiting for a server's bytes interruptible, by a signal and after one tick.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, Transport, time,
};
use ureq::{Error, Timeout};

use crate::units::TICK;

/// Ends a wait for bytes early.
#[derive(Clone, Debug, Default)]
pub struct Interruption {
    /// A request ends when this becomes other than zero.
    flag: Arc<Mutex<Option<Arc<AtomicUsize>>>>,
    /// A wait ends after one tick.
    brief: Arc<AtomicBool>,
}

impl Interruption {
    /// Uses this flag from now on.
    pub fn set(&self, flag: Option<Arc<AtomicUsize>>) {
        *self.flag.lock().unwrap_or_else(PoisonError::into_inner) = flag;
    }

    /// Whether requests must end now.
    pub fn is_wanted(&self) -> bool {
        let flag = self.flag.lock().unwrap_or_else(PoisonError::into_inner);
        flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed) != 0)
    }

    /// Runs `act` with every wait in it limited to one tick. The library has no such limit for a
    /// body alone: its own would apply to the head as well.
    pub fn within_one_tick<T>(&self, act: impl FnOnce() -> T) -> T {
        self.brief.store(true, Ordering::Relaxed);
        let done = act();
        self.brief.store(false, Ordering::Relaxed);
        done
    }
}

/// Makes connections that an [`Interruption`] can end.
#[derive(Debug)]
pub struct Attentive(pub Interruption);

impl<In: Transport> Connector<In> for Attentive {
    type Out = Ticking<In>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Ticking { inner, interruption: self.0.clone() }))
    }
}

/// A connection that waits in ticks, because the library continues to wait after a signal.
pub struct Ticking<T> {
    inner: T,
    interruption: Interruption,
}

impl<T: Transport> Transport for Ticking<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let mut left = timeout.for_read();
        loop {
            if self.interruption.is_wanted() {
                // Not `Interrupted`: callers that read a body try again after that.
                return Err(Error::Timeout(left.reason));
            }
            let tick = NextTimeout { after: time::Duration::from(TICK.min(*left.after)), ..left };
            match self.inner.await_input(tick) {
                Err(Error::Timeout(_)) if self.interruption.brief.load(Ordering::Relaxed) => {
                    return Err(Error::Timeout(Timeout::PerRead));
                }
                Err(Error::Timeout(_)) if *left.after > TICK => {
                    left.after = (*left.after - TICK).into();
                }
                waited => return waited,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

impl<T> fmt::Debug for Ticking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticking")
    }
}
