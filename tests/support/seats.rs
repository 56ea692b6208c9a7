//! How many tests may keep the machine busy at once. A crowd has the machine for itself, or it would be the limits of
//! every other test that measure it. A real server needs more than a second of a core to start, so tests with real servers
//! take turns.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::LocalKey;

/// Tests with real servers that run side by side.
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

/// Counts one more of what this test has, and tells whether it is the first.
fn first(count: &'static LocalKey<Cell<usize>>) -> bool {
    count.set(count.get() + 1);
    count.get() == 1
}

/// Counts one less, and tells whether it was the last.
fn last(count: &'static LocalKey<Cell<usize>>) -> bool {
    count.set(count.get() - 1);
    count.get() == 0
}

/// The right to keep the machine busy, until it is dropped. Each sandbox has one.
#[derive(Debug)]
pub struct Place {
    alone: bool,
}

impl Place {
    /// Beside the tests that are no crowds.
    pub fn among_others() -> Self {
        if first(&PLACES) {
            // A crowd would never have its turn if others could go first.
            wait_while(|hall| hall.crowd || hall.crowds_wait > 0).guests += 1;
        }
        Self { alone: false }
    }

    /// Alone: waits until nobody else has a sandbox, and keeps others from having one.
    pub fn alone() -> Self {
        assert!(first(&PLACES), "a crowd takes its place before its sandbox");
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
        if last(&PLACES) {
            let mut hall = HALL.0.lock().unwrap();
            match self.alone {
                true => hall.crowd = false,
                false => hall.guests -= 1,
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
        if first(&SEATED) {
            wait_while(|hall| hall.seats == 0).seats -= 1;
        }
        Self(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if last(&SEATED) {
            HALL.0.lock().unwrap().seats += 1;
            HALL.1.notify_all();
        }
    }
}
