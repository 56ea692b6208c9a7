//! How many tests may keep the machine busy at once.
//!
//! A test that starts a crowd has the machine for itself, because the crowd would make other tests
//! pass their limits. A real server needs more than a second of a core to start, so tests with real
//! servers take turns.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::LocalKey;

/// How many tests with real servers run side by side.
const SEATS: usize = 3;

static HALL: (Mutex<Hall>, Condvar) =
    (Mutex::new(Hall { guests: 0, crowd: false, crowds_wait: 0, seats: SEATS }), Condvar::new());

thread_local! {
    /// A test may have several sandboxes, and must not wait for itself.
    static PLACES: Cell<usize> = const { Cell::new(0) };
    static SEATED: Cell<usize> = const { Cell::new(0) };
}

struct Hall {
    guests: usize,
    crowd: bool,
    crowds_wait: usize,
    seats: usize,
}

fn wait_while(condition: impl Fn(&mut Hall) -> bool) -> MutexGuard<'static, Hall> {
    wait_on(HALL.0.lock().unwrap(), condition)
}

fn wait_on(
    hall: MutexGuard<'static, Hall>,
    condition: impl Fn(&mut Hall) -> bool,
) -> MutexGuard<'static, Hall> {
    HALL.1.wait_while(hall, condition).unwrap()
}

/// Counts one more of what this test has, and says whether it is the first.
fn add(count: &'static LocalKey<Cell<usize>>) -> bool {
    count.set(count.get() + 1);
    count.get() == 1
}

/// Counts one less, and says whether it was the last.
fn remove(count: &'static LocalKey<Cell<usize>>) -> bool {
    count.set(count.get() - 1);
    count.get() == 0
}

/// The right to keep the machine busy, until it is dropped. Each sandbox has one.
#[derive(Debug)]
pub struct Place {
    alone: bool,
}

impl Place {
    /// Waits until no crowd runs or waits, and runs beside other tests.
    pub fn among_others() -> Self {
        if add(&PLACES) {
            // A crowd that waits goes first, or it would never have its turn.
            wait_while(|hall| hall.crowd || hall.crowds_wait > 0).guests += 1;
        }
        Self { alone: false }
    }

    /// Waits until no other test has a sandbox, and keeps other tests from having one.
    pub fn alone() -> Self {
        assert!(add(&PLACES), "a crowd takes its place before its sandbox");
        let mut hall = HALL.0.lock().unwrap();
        hall.crowds_wait += 1;
        hall = wait_on(hall, |hall| hall.crowd || hall.guests > 0);
        hall.crowds_wait -= 1;
        hall.crowd = true;
        Self { alone: true }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if remove(&PLACES) {
            let mut hall = HALL.0.lock().unwrap();
            if self.alone {
                hall.crowd = false;
            } else {
                hall.guests -= 1;
            }
            HALL.1.notify_all();
        }
    }
}

/// The right to start real servers, until it is dropped.
#[derive(Debug)]
pub struct Seat(());

impl Seat {
    /// Waits for one.
    pub fn take() -> Self {
        if add(&SEATED) {
            wait_while(|hall| hall.seats == 0).seats -= 1;
        }
        Self(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if remove(&SEATED) {
            HALL.0.lock().unwrap().seats += 1;
            HALL.1.notify_all();
        }
    }
}
