//! Keeps a prompt from taking over a turn that is running, unless that is wanted.

use std::time::{Duration, Instant};

use super::options::PromptOptions;
use super::stored::{STORED_WITHIN, has_message};
use crate::client::Held;
use crate::client::wire::Info;
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{Place, Target};
use crate::runner::conversation::running::{LOOK, running_tool};
use crate::runner::conversation::work::{
    BEGINS_WITHIN, Seen, Work, find_work, look_at_work, newest_message,
};
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::store::QueueLock;
use crate::units::{Backoff, Deadline, TICK, pause};

/// How long a conversation must have been idle before a queued prompt is sent: between two steps of
/// a turn servers read idle for a moment.
const IDLE_FOR: Duration = Duration::from_millis(700);

/// The pauses between two looks at a conversation that is waited for.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(250));

/// What was found in a conversation that a prompt may go to now.
#[derive(Default)]
pub struct Way {
    /// To be kept until the server has a queued prompt.
    pub lock: Option<QueueLock>,
    /// The newest message.
    pub newest: Option<Info>,
}

/// Makes sure that a prompt may go to a conversation that is there already. With `--queue` it waits
/// until nothing goes on there.
pub fn make_way(
    context: &Context,
    server: &Server,
    place: &Place,
    options: &PromptOptions,
) -> Result<Way> {
    if options.queue {
        return wait_in_queue(context, server, place);
    }
    let refuses = options.target == Target::LastUsed;
    let Seen { work, newest } = if refuses {
        find_work(context, server, place, &[])?
    } else {
        look_at_work(context, server, place, &[])?
    };
    let on = match &work {
        Work::Here => String::new(),
        Work::There(session) => format!(" on session {session}"),
        Work::MayBegin | Work::Unfinished | Work::Idle => return Ok(Way { lock: None, newest }),
    };
    let (session, id) = (&server.record.id, &place.id);
    let newest = newest_message(server, place);
    let turn = newest.as_ref().map_or("its turn".into(), |newest| format!("turn {}", turn(newest)));
    if refuses {
        return Err(Error::busy(format!("conversation {id} is busy{on} with {turn}")).hint(
            format!(
                "--queue waits until it is idle; occtl send {session} -s {id} takes the turn over"
            ),
        ));
    }
    (context.say)(&format!("conversation {id} is busy{on}: this prompt takes over {turn}"));
    Ok(Way { lock: None, newest })
}

/// The turn that a message belongs to.
fn turn(info: &Info) -> &str {
    info.parent.as_deref().unwrap_or(&info.id)
}

/// Waits until a conversation has been idle for a while, under a lock that all others who wait for
/// it need as well. A server that is silent, and a conversation that stays busy, until the deadline
/// of the client are both unreachable: the caller says that its limit is over.
fn wait_in_queue(context: &Context, server: &Server, place: &Place) -> Result<Way> {
    let deadline = server.client.deadline();
    let lock = lock(context, place, deadline)?;
    let mut pauses = PAUSES;
    let mut idle_since: Option<Instant> = None;
    let mut may_begin_since: Option<Instant> = None;
    loop {
        let Seen { work, newest } = match look_at_work(context, server, place, &[]) {
            Err(_) if deadline.expired() => return Err(still_held(server, place)),
            Err(failure) => return Err(server.explain(context, failure)),
            Ok(seen) => seen,
        };
        let now = Instant::now();
        if work != Work::MayBegin {
            may_begin_since = None;
        }
        let is_idle = match work {
            Work::Here | Work::There(_) => false,
            Work::MayBegin => *may_begin_since.get_or_insert(now) + BEGINS_WITHIN <= now,
            // What a server left when it ended is never completed.
            Work::Unfinished | Work::Idle => true,
        };
        if !is_idle {
            idle_since = None;
        } else if *idle_since.get_or_insert(now) + IDLE_FOR <= now {
            return Ok(Way { lock: Some(lock), newest });
        }
        if deadline.expired() {
            return Err(still_held(server, place));
        }
        pause(deadline.remaining(pauses.next()));
    }
}

/// Waits until the server has a queued prompt. A prompt that it refuses is answered instead.
pub fn wait_until_taken(server: &Server, place: &Place, turn: &str, held: &Held) {
    let deadline = server.client.deadline().or_after(STORED_WITHIN);
    let is_missing = || matches!(has_message(server, place, turn, LOOK_LIMIT), Ok(false));
    while !held.is_ready(Duration::ZERO) && !deadline.expired() && is_missing() {
        pause(TICK / 5);
    }
}

fn lock(context: &Context, place: &Place, deadline: Deadline) -> Result<QueueLock> {
    loop {
        if let Some(lock) = context.store.try_queue_lock(&place.id)? {
            return Ok(lock);
        }
        if deadline.expired() {
            return Err(still_busy(place));
        }
        pause(deadline.remaining(TICK / 5));
    }
}

fn still_busy(place: &Place) -> Error {
    let id = &place.id;
    Error::unreachable(format!("conversation {id} was not seen idle, and nothing was sent"))
}

/// The same with the tool call that the conversation waits for.
fn still_held(server: &Server, place: &Place) -> Error {
    let busy = still_busy(place);
    // The limit is over; this is only for the message.
    server.client.limit_to(Deadline::after(LOOK), None);
    match running_tool(server, place, "") {
        Some(tool) => Error::unreachable(format!("{}: it waits for {tool}", busy.message)),
        None => busy,
    }
}
