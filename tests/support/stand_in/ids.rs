//! Ids as OpenCode makes them. They sort by time, and those of conversations backwards.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::faults::Faults;

/// By how many milliseconds the clock is ahead of that of the machine.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// Sets the clock as the faults say; gives it in the form of a `Date` header.
pub fn date_by(faults: &Faults) -> String {
    let ahead = faults.get("/clock_ms").and_then(Value::as_i64).unwrap_or(0);
    if AHEAD.swap(ahead, Ordering::SeqCst) != ahead {
        *LAST.lock().unwrap() = (0, 0);
    }
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now()).unwrap_or(0));
    let zoned = now.unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    zoned.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    now.saturating_add_signed(AHEAD.load(Ordering::SeqCst))
}

/// The millisecond of the last id, and how many ids were made in it.
static LAST: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// A new id: the prefix, 12 hex digits of time and counter, 14 random characters.
pub fn id(prefix: &str) -> String {
    let stamp = {
        let mut last = LAST.lock().unwrap();
        let now = now().max(last.0);
        *last = if now == last.0 { (now, last.1 + 1) } else { (now, 1) };
        last.0.wrapping_mul(0x1000).wrapping_add(last.1)
    };
    let stamp = if prefix == "ses" { !stamp } else { stamp } & 0xffff_ffff_ffff;
    format!("{prefix}_{stamp:012x}{}", random(14))
}

fn random(length: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).expect("bytes");
    let number = u128::from_ne_bytes(bytes);
    (0..length)
        .map(|place| {
            // Each character takes 6 bits. The two values above 61 wrap: random enough for a test.
            let digit = usize::try_from(number >> (place * 6) & 0x3f).unwrap_or(0);
            char::from(DIGITS[digit % DIGITS.len()])
        })
        .collect()
}
