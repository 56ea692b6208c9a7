//! The ids of prompts, which the client may choose.
//!
//! Ids sort by time, and versions before 1.16 find out by them what has been answered: they answer
//! a prompt whose id is ahead of their clock again and again until the clock has reached it, and
//! never one that is behind the newest message. Later versions go by the time at which they stored
//! a message, and never answer a prompt that is stored before the newest message, which happens
//! after their clock was set back. So the time comes from the server, and an id is never behind the
//! newest one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::prepared::Placed;
use crate::client::DATE_LAG;
use crate::client::wire::Info;
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::session::version::Version;
use crate::units::{Deadline, TICK, milliseconds, pause};

/// The first version that does not go by ids.
const ORDERED_BY_TIME: Version = Version::new(1, 16);

/// The least difference between two clocks that is said.
const NOTABLE: Duration = Duration::from_secs(5);

/// The digits of an id that tell the time hold milliseconds × 4096 plus a counter, in 48 bits.
const STAMP: u64 = (1 << 48) - 1;

/// Names the turn of a prompt that is sent now. If the newest message of its conversation is ahead
/// of the server's clock, that is waited for; an error if it takes longer than the command may.
pub(super) fn new_turn(context: &Context, server: &Server, placed: &Placed) -> Result<String> {
    let here = jiff::Timestamp::now().as_millisecond() as u64;
    let (mut now, at_most) = match server.client.server_time() {
        None => (here, here),
        Some(shown) => {
            let at_most = shown + milliseconds(DATE_LAG);
            // A process of this machine has its clock, which is more exact than a date.
            if server.process.is_some() && (shown..=at_most).contains(&here) {
                (here, here)
            } else {
                say_difference(context, server, here, shown);
                (shown, at_most)
            }
        }
    };
    let newest = placed.newest.as_ref();
    let version = server.record.opencode_version.as_deref().and_then(Version::parse);
    let by_ids = version.is_some_and(|version| version < ORDERED_BY_TIME);
    let ahead = newest.map_or(0, |newest| ahead(newest, at_most, by_ids));
    if ahead > 0 {
        catch_up(context, server, &placed.place.id, Duration::from_millis(ahead))?;
        now += ahead;
    }
    Ok(message_id(now, newest.map_or(0, newest_stamp)))
}

/// Says by how much the server's clock differs from that of this machine, if it is much.
fn say_difference(context: &Context, server: &Server, here: u64, shown: u64) {
    let (difference, how) = match here.checked_sub(shown) {
        Some(more) => (Duration::from_millis(more).saturating_sub(DATE_LAG), "behind"),
        None => (Duration::from_millis(shown - here), "ahead of"),
    };
    if difference >= NOTABLE {
        let (session, seconds) = (&server.record.id, difference.as_secs());
        (context.say)(&format!(
            "warning: the clock of session {session} is at least {seconds} s {how} that of this \
             machine"
        ));
    }
}

/// Waits until the server's clock has reached the newest message of a conversation.
fn catch_up(context: &Context, server: &Server, id: &str, ahead: Duration) -> Result<()> {
    let (session, whole) = (&server.record.id, ahead.as_secs() + 1);
    let what = format!(
        "the newest message of conversation {id} is {whole} s ahead of the clock of session \
         {session}"
    );
    if server.client.deadline().remaining(ahead) < ahead {
        let why = "a prompt would be answered never, or again and again";
        return Err(Error::failed(format!("{what}: {why}, and nothing was sent"))
            .hint("without -s and -c a new conversation is opened"));
    }
    if ahead >= NOTABLE {
        (context.say)(&format!("{what}: the prompt waits until then"));
    }
    let deadline = Deadline::after(ahead);
    while !deadline.expired() && server.lives() {
        pause(deadline.remaining(TICK));
    }
    Ok(())
}

/// By how many milliseconds a message is ahead of the server's clock.
fn ahead(newest: &Info, now: u64, by_ids: bool) -> u64 {
    let stored = newest.time.created.map_or(0, |created| (created as u64).saturating_sub(now));
    // In milliseconds: the counter makes up to 4096 ids of one.
    let named = (newest_stamp(newest) >> 12).saturating_sub(now & (STAMP >> 12));
    if by_ids { stored.max(named) } else { stored }
}

/// The time in the id of a message, or in that of the prompt that it answers if this is later.
fn newest_stamp(info: &Info) -> u64 {
    stamp(&info.id).max(info.parent.as_deref().map_or(0, stamp))
}

/// The time in an id; 0 if it has none.
fn stamp(id: &str) -> u64 {
    let digits = id.strip_prefix("msg_").and_then(|rest| rest.get(..12));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// A new message id in OpenCode's own form: `msg_`, 12 hexadecimal digits of the time, and 14
/// random characters. It is later than `after`, the time in another id.
fn message_id(milliseconds: u64, after: u64) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let count = COUNTER.fetch_add(1, Ordering::Relaxed) & 0xfff;
    let time = (milliseconds.wrapping_mul(0x1000) + count) & STAMP;
    let time = time.max((after + 1).min(STAMP));
    let random = crate::random::id();
    let letters = random.as_bytes().iter().take(14);
    let tail: String = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % 62])).collect();
    format!("msg_{time:012x}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, parent: &str, created: u64) -> Info {
        let text =
            format!(r#"{{"id":"{id}","parentID":"{parent}","time":{{"created":{created}}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn message_ids_sort_by_time_and_are_of_the_servers_form() {
        let ids: Vec<String> = (0..100).map(|_| message_id(1_795_975_260_000, 0)).collect();
        assert!(ids.windows(2).all(|pair| pair[0][..16] < pair[1][..16]), "{ids:?}");
        for id in ids {
            let (head, tail) = id.strip_prefix("msg_").unwrap().split_at(12);
            assert!(head.chars().all(|c| c.is_ascii_hexdigit()));
            assert!(tail.len() == 14 && tail.chars().all(|c| c.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn an_id_is_never_behind_the_newest_one_nor_behind_the_prompt_that_this_answers() {
        let (early, late) = ("msg_22877ab7e001s6zOVO9eAlotHE", "msg_2287fab7e001s6zOVO9eAlotHE");
        for info in [message(late, early, 0), message(early, late, 0)] {
            let new = message_id(1_795_975_260_000, newest_stamp(&info));
            assert_eq!(&new[..16], "msg_2287fab7e002");
        }
        assert_eq!(&message_id(0, STAMP)[..16], "msg_ffffffffffff");
        assert_eq!(stamp("msg_new"), 0);
    }

    #[test]
    fn what_is_ahead_is_the_id_on_old_versions_and_the_time_on_all() {
        // The id says 1,795,975,264,254.
        let id = "msg_22877ab7e001s6zOVO9eAlotHE";
        let named = 1_795_975_260_000 + (stamp(id) >> 12) - (1_795_975_260_000 & (STAMP >> 12));
        let info = message(id, "", named + 3000);
        assert_eq!(ahead(&info, named + 1000, true), 2000);
        assert_eq!(ahead(&message(id, "", 0), named - 1000, true), 1000);
        assert_eq!(ahead(&message(id, "", 0), named - 1000, false), 0);
        assert_eq!(ahead(&info, named + 4000, true), 0);
    }
}
