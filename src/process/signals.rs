//! Catches the signals that this process receives.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// A second signal that arrives this soon after the first counts as the same: `timeout` sends its
/// signal to the program and then to the program's whole group. Milliseconds.
const SAME_SIGNAL_MS: u64 = 200;

/// Stores signals in `received` from now on. A second signal ends the process, and so does the
/// first one while `at_once` is set.
pub fn catch(
    signals: [i32; 2],
    received: &Arc<AtomicUsize>,
    at_once: &Arc<AtomicBool>,
) -> io::Result<()> {
    let (began, first) = (Instant::now(), Arc::new(AtomicU64::new(u64::MAX)));
    for signal in signals {
        let (received, at_once, first) = (received.clone(), at_once.clone(), first.clone());
        let handler = move || {
            let now = began.elapsed().as_millis() as u64;
            let since_first = now.saturating_sub(first.fetch_min(now, Ordering::Relaxed));
            if at_once.load(Ordering::Relaxed) || since_first > SAME_SIGNAL_MS {
                signal_hook::low_level::exit(128 + signal);
            }
            received.store(signal as usize, Ordering::Relaxed);
        };
        // SAFETY: the handler reads the clock and touches atomics; it neither allocates nor locks.
        #[allow(unsafe_code)]
        unsafe {
            signal_hook::low_level::register(signal, handler)?;
        }
    }
    Ok(())
}
