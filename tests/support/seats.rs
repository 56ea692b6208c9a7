//! How many tests may keep the machine busy at once. A real server needs more than a second of a core to start, so tests
//! with real servers take turns, and a test that starts a crowd of them has the machine for itself. Without this the
//! limits of one test would measure what the others do.

use std::cell::Cell;
use std::sync::{Condvar, Mutex};

/// Tests with real servers that run side by side.
const SEATS: usize = 3;

static HALL: (Mutex<Hall>, Condvar) =
    (Mutex::new(Hall { free: SEATS, crowds_wait: 0 }), Condvar::new());

thread_local! {
    /// A test may have several sandboxes, and must not wait for itself.
    static SEATED: Cell<usize> = const { Cell::new(0) };
}

struct Hall {
    free: usize,
    crowds_wait: usize,
}

/// The right to start real servers, until it is dropped.
#[derive(Debug)]
pub struct Seat(usize);

impl Seat {
    /// Waits for a seat among others.
    pub fn one() -> Self {
        Self::take(1)
    }

    /// Waits until nobody else has one.
    pub fn all() -> Self {
        Self::take(SEATS)
    }

    fn take(count: usize) -> Self {
        if SEATED.get() > 0 {
            assert_eq!(count, 1, "a crowd takes its seats first");
            SEATED.set(SEATED.get() + 1);
            return Self(0);
        }
        let crowd = usize::from(count > 1);
        let mut hall = HALL.0.lock().unwrap();
        hall.crowds_wait += crowd;
        // Who wants all seats would never get them if others could go first.
        hall = HALL
            .1
            .wait_while(hall, |hall| hall.free < count || crowd == 0 && hall.crowds_wait > 0)
            .unwrap();
        hall.crowds_wait -= crowd;
        hall.free -= count;
        SEATED.set(1);
        Self(count)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        SEATED.set(SEATED.get() - 1);
        HALL.0.lock().unwrap().free += self.0;
        HALL.1.notify_all();
    }
}
