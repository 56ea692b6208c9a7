//! Waits for a server's bytes, and looks meanwhile whether somebody wants it to end.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, Transport, time,
};

use crate::units::TICK;

/// A flag that ends requests when it becomes other than zero; or none.
#[derive(Clone, Debug, Default)]
pub struct Interruption(Arc<Mutex<Option<Arc<AtomicUsize>>>>);

impl Interruption {
    /// Looks at this flag from now on.
    pub fn set(&self, flag: Option<Arc<AtomicUsize>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = flag;
    }

    /// Whether requests shall end now.
    pub fn wanted(&self) -> bool {
        let flag = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed) != 0)
    }
}

/// Makes connections that are [`Interruption`] aware.
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

/// A connection that waits in ticks: the library goes on waiting when a signal arrives.
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
            if self.interruption.wanted() {
                // Whoever reads a body tries again after `Interrupted`.
                return Err(Error::Timeout(left.reason));
            }
            let tick = NextTimeout { after: time::Duration::from(TICK.min(*left.after)), ..left };
            match self.inner.await_input(tick) {
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
