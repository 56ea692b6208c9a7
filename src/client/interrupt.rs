//! Makes waiting for a server's bytes interruptible: by a signal, after one tick, by a server that
//! hangs, and when all waits together were long enough.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, Transport, time,
};
use ureq::{Error, Timeout};

use super::limit::Waits;
use crate::units::{TICK, note_wait};

/// How much processor time the server's process has used.
pub type Work = Arc<dyn Fn() -> Duration + Send + Sync>;

/// A process that uses less than this part of the time does not work. A quiet server uses none, and
/// one of many that work on a busy machine still gets more.
const LEAST_WORK: u32 = 20;

/// Ends a wait for bytes early.
#[derive(Clone, Default)]
pub struct Interruption {
    wishes: Arc<Mutex<Wishes>>,
    /// A wait ends after one tick.
    brief: Arc<AtomicBool>,
}

#[derive(Default)]
struct Wishes {
    /// A request ends when this becomes other than zero.
    flag: Option<Arc<AtomicUsize>>,
    /// The limits of the current request's waits, if it has such.
    waits: Option<Waits>,
    /// How much longer all waits together may take.
    left: Option<Duration>,
    /// What tells whether a silent server works.
    work: Option<Work>,
}

impl Interruption {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses this flag from now on.
    pub fn set(&self, flag: Option<Arc<AtomicUsize>>) {
        self.wishes().flag = flag;
    }

    /// Lets all waits together take this long from now on.
    pub fn allow(&self, most: Option<Duration>) {
        self.wishes().left = most;
    }

    /// Applies these limits to the waits of the request that comes next.
    pub fn expect(&self, waits: Option<Waits>) {
        self.wishes().waits = waits;
    }

    /// Tells from now on by this whether a silent server works.
    pub fn watch(&self, work: Work) {
        self.wishes().work = Some(work);
    }

    /// Whether it is known if the server works.
    pub fn is_watched(&self) -> bool {
        self.wishes().work.is_some()
    }

    /// Whether requests must end now.
    pub fn is_wanted(&self) -> bool {
        self.wishes().flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed) != 0)
    }

    /// Whether all waits together have taken as long as they may.
    pub fn is_spent(&self) -> bool {
        self.wishes().left.is_some_and(|left| left.is_zero())
    }

    fn spend(&self, time: Duration) {
        if let Some(left) = &mut self.wishes().left {
            *left = left.saturating_sub(time);
        }
    }

    /// What the server's process has used up to now; nothing if that is not known.
    fn work(&self) -> Duration {
        let work = self.wishes().work.clone();
        work.map_or(Duration::ZERO, |work| work())
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

impl fmt::Debug for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interruption")
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
        let interruption = self.0.clone();
        Ok(chained.map(|inner| Ticking { inner, interruption, has_begun: false }))
    }
}

/// A connection that waits in ticks, because the library continues to wait after a signal.
pub struct Ticking<T> {
    inner: T,
    interruption: Interruption,
    /// Whether bytes of the current answer have come.
    has_begun: bool,
}

impl<T: Transport> Ticking<T> {
    /// Waits for bytes that are more than a moment away.
    fn wait(&mut self, mut left: NextTimeout) -> Result<bool, Error> {
        let waits = self.interruption.wishes().waits;
        let silence = waits.map(|waits| if self.has_begun { waits.next } else { waits.idle });
        let (mut since, mut work) = (Instant::now(), None);
        loop {
            if self.interruption.is_wanted() || self.interruption.is_spent() {
                // Not `Interrupted`: callers that read a body try again after that.
                return Err(Error::Timeout(left.reason));
            }
            note_wait();
            let before = Instant::now();
            let tick = NextTimeout { after: time::Duration::from(TICK.min(*left.after)), ..left };
            let waited = self.inner.await_input(tick);
            self.interruption.spend(before.elapsed());
            match waited {
                Err(Error::Timeout(_)) if *left.after > TICK => {
                    left.after = (*left.after - TICK).into();
                }
                waited => return waited,
            }
            // The first tick has passed, so few waits ever look at the process.
            let began = *work.get_or_insert_with(|| self.interruption.work());
            if silence.is_some_and(|silence| since.elapsed() >= silence) {
                let now = self.interruption.work();
                let has_worked = now.saturating_sub(began) * LEAST_WORK >= since.elapsed();
                if self.has_begun || !has_worked {
                    return Err(Error::Timeout(Timeout::PerRead));
                }
                (since, work) = (Instant::now(), Some(now));
            }
        }
    }
}

impl<T: Transport> Transport for Ticking<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.has_begun = false;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let left = timeout.for_read();
        if self.interruption.brief.load(Ordering::Relaxed) {
            if self.interruption.is_wanted() {
                return Err(Error::Timeout(left.reason));
            }
            note_wait();
            let tick = NextTimeout { after: time::Duration::from(TICK.min(*left.after)), ..left };
            return match self.inner.await_input(tick) {
                Err(Error::Timeout(_)) => Err(Error::Timeout(Timeout::PerRead)),
                waited => waited,
            };
        }
        let waited = self.wait(left);
        self.has_begun |= matches!(waited, Ok(true));
        waited
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

#[cfg(test)]
mod tests {
    use ureq::unversioned::transport::LazyBuffers;

    use super::*;
    use crate::units::pause;

    /// Far from every limit here, and far from what a busy machine needs.
    const LONG: Duration = Duration::from_secs(60);
    const TENTH: Duration = Duration::from_millis(100);

    /// A connection on which something comes after each of these times.
    struct Slow {
        gaps: Vec<Duration>,
        buffers: LazyBuffers,
    }

    impl Transport for Slow {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }

        fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
            let gap = self.gaps.last_mut().ok_or(Error::ConnectionFailed)?;
            let part = (*gap).min(*timeout.after);
            *gap -= part;
            pause(part);
            if gap.is_zero() {
                self.gaps.pop();
                return Ok(true);
            }
            Err(Error::Timeout(timeout.reason))
        }

        fn is_open(&mut self) -> bool {
            true
        }
    }

    impl fmt::Debug for Slow {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Slow")
        }
    }

    fn line(gaps: &[Duration], waits: Waits, interruption: &Interruption) -> Ticking<Slow> {
        let gaps = gaps.iter().rev().copied().collect();
        interruption.expect(Some(waits));
        let inner = Slow { gaps, buffers: LazyBuffers::new(1, 1) };
        Ticking { inner, interruption: interruption.clone(), has_begun: false }
    }

    /// Waits until something has come so many times.
    fn wait(line: &mut Ticking<Slow>, times: usize) -> Result<(), Error> {
        let limit = NextTimeout { after: LONG.into(), ..NextTimeout::default() };
        (0..times).try_for_each(|_| line.await_input(limit).map(drop))
    }

    fn is_timeout(result: Result<(), Error>) -> bool {
        matches!(result, Err(Error::Timeout(_)))
    }

    #[test]
    fn a_reading_that_makes_progress_goes_on_and_one_that_stops_does_not() {
        let interruption = Interruption::default();
        let waits = Waits::each(5 * TENTH);
        wait(&mut line(&[TENTH; 12], waits, &interruption), 12).unwrap();
        assert!(is_timeout(wait(&mut line(&[TENTH, LONG], waits, &interruption), 2)));
        assert!(is_timeout(wait(&mut line(&[LONG], waits, &interruption), 1)));
    }

    #[test]
    fn a_server_that_trickles_ends_when_all_waits_together_were_long_enough() {
        let interruption = Interruption::default();
        interruption.allow(Some(5 * TENTH));
        let waits = Waits::each(LONG);
        wait(&mut line(&[TENTH; 3], waits, &interruption), 3).unwrap();
        assert!(!interruption.is_spent());
        // What another request of the same client waits counts as well.
        assert!(is_timeout(wait(&mut line(&[TENTH; 600], waits, &interruption), 600)));
        assert!(interruption.is_spent());
        assert!(is_timeout(wait(&mut line(&[TENTH], waits, &interruption), 1)));
    }

    #[test]
    fn a_silent_server_has_time_while_its_process_works_and_none_after_the_first_byte() {
        let interruption = Interruption::default();
        let waits = Waits { first: LONG, idle: 3 * TENTH, next: 3 * TENTH };
        let began = Instant::now();
        interruption.watch(Arc::new(move || began.elapsed() / 4));
        wait(&mut line(&[10 * TENTH], waits, &interruption), 1).unwrap();
        assert!(is_timeout(wait(&mut line(&[TENTH, 10 * TENTH], waits, &interruption), 2)));
        interruption.watch(Arc::new(|| Duration::ZERO));
        assert!(is_timeout(wait(&mut line(&[10 * TENTH], waits, &interruption), 1)));
    }
}
