//! Stops sessions that are not used any more, and removes what dead ones left.

use std::time::Duration;

use jiff::Timestamp;

use super::stop::{StopOptions, nested, stop};
use crate::client::{Answer, Limit};
use crate::error::{Error, Result};
use crate::runner::asks::reach::directories;
use crate::runner::context::Context;
use crate::runner::conversation::find::newest_root;
use crate::runner::session::life::{Life, life};
use crate::runner::session::logs::file::last_lines;
use crate::runner::session::server::Server;
use crate::store::Record;
use crate::units::{PROBE_LIMIT, seconds};

/// How long after a use of the session a prompt may have been taken without anything being busy
/// yet: a cold server needs up to two seconds, a loaded machine more.
const START_GAP: Duration = Duration::from_secs(30);

/// One question to a server that has shown that it answers. A cold directory takes it seconds, and
/// a cleanup has time.
const ASK_LIMIT: Duration = Duration::from_secs(15);

/// How many lines of a dead server's log are searched for the reason.
const REASON_LINES: usize = 200;

/// How many conversations are looked at to find the newest change.
const NEWEST: usize = 20;

/// Why a session is to be removed.
#[derive(Clone, Debug)]
pub enum Why {
    /// It was not used for that long.
    Idle(Duration),
    /// Its server is gone; what its log says of it.
    Dead(Option<String>),
}

/// A session that was, or with a dry run would be, removed.
#[derive(Clone, Debug)]
pub struct Cleaned {
    /// `oc-…`.
    pub id: String,
    /// Why.
    pub why: Why,
    /// How many processes were ended.
    pub processes: usize,
}

/// What a cleanup did.
#[derive(Debug, Default)]
pub struct CleanedUp {
    /// The sessions removed.
    pub cleaned: Vec<Cleaned>,
    /// Sessions past the limit that were left alone, and why.
    pub spared: Vec<(String, String)>,
    /// Sessions that could not be stopped.
    pub trouble: Vec<Error>,
}

/// Stops every session that was last used longer ago than `max_idle` and that is doing nothing, and
/// removes every dead one. With `dry_run` it only says which.
pub fn cleanup(context: &Context, max_idle: Duration, dry_run: bool) -> Result<CleanedUp> {
    let mut result = CleanedUp::default();
    let mut records = context.store.read()?.records()?;
    let order: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
    // A nested session was started later than its parent and has to go first.
    records.sort_by_key(|record| std::cmp::Reverse(record.created()));
    for record in records {
        match verdict(context, &record, max_idle, &result.cleaned)? {
            Verdict::Keep => {}
            Verdict::Spare(why) => result.spared.push((record.id, why)),
            Verdict::Remove(why) if dry_run => {
                result.cleaned.push(Cleaned { id: record.id, why, processes: 0 });
            }
            Verdict::Remove(why) => remove(context, &record.id, why, max_idle, &mut result)?,
        }
    }
    let place = |id: &str| order.iter().position(|other| other == id);
    result.cleaned.sort_by_key(|one| place(&one.id));
    result.spared.sort_by_key(|(id, _)| place(id));
    Ok(result)
}

enum Verdict {
    Keep,
    Spare(String),
    Remove(Why),
}

fn verdict(
    context: &Context,
    record: &Record,
    max_idle: Duration,
    cleaned: &[Cleaned],
) -> Result<Verdict> {
    let idle = match life(record) {
        Life::Dead => None,
        // An adopted server is not ours to stop for being idle.
        Life::Starting | Life::Adopted => return Ok(Verdict::Keep),
        Life::Alive(_) if record.adopted_url.is_some() => return Ok(Verdict::Keep),
        Life::Alive(_) => match idle(record) {
            None => return Ok(Verdict::Spare("its last activity is unknown".into())),
            Some(idle) if idle < limit(record, max_idle) => return Ok(Verdict::Keep),
            Some(idle) => Some(idle),
        },
    };
    let gone = |id: &str| cleaned.iter().any(|one| one.id == id);
    let nested = nested(&context.store.read()?, record)?;
    if let Some(one) = nested.iter().find(|one| !gone(&one.id)) {
        return Ok(Verdict::Spare(format!("{} was started from within it and lives", one.id)));
    }
    Ok(match idle {
        None => Verdict::Remove(Why::Dead(reason(context, record))),
        Some(idle) => match busy(context, record, idle) {
            None => Verdict::Remove(Why::Idle(idle)),
            Some(why) => Verdict::Spare(why),
        },
    })
}

/// How long this session may be idle: its own `--idle-timeout` goes before the command's.
fn limit(record: &Record, max_idle: Duration) -> Duration {
    let own = record.idle_timeout_s.and_then(|limit| Duration::try_from_secs_f64(limit).ok());
    own.unwrap_or(max_idle)
}

/// How long the session has not been used. A last use in the future counts as now.
fn idle(record: &Record) -> Option<Duration> {
    let since = Timestamp::now().duration_since(record.last_active()?);
    Some(Duration::try_from(since).unwrap_or_default())
}

/// What keeps a session from being idle; `None` if nothing does.
fn busy(context: &Context, record: &Record, idle: Duration) -> Option<String> {
    let server = match Server::open(context, &record.id) {
        Ok(server) => server,
        Err(error) => return Some(error.message),
    };
    // Silence is what health answers quickest; the rest then comes or is a fault of its own.
    if let Err(failure) = server.client.health(PROBE_LIMIT) {
        return Some(format!("its server does not answer: {failure}"));
    }
    let silent = |why: String| Some(format!("its server does not tell what it is doing: {why}"));
    let places = match directories(context, &server) {
        Ok(places) => places,
        Err(error) => return silent(error.message),
    };
    for place in &places {
        match working(&server, place, idle) {
            Ok(None) => {}
            Ok(Some(what)) => return Some(what),
            Err(failure) => return silent(failure.to_string()),
        }
    }
    None
}

fn working(server: &Server, place: &str, idle: Duration) -> Answer<Option<String>> {
    let client = &server.client;
    let activities = client.activities(place, ASK_LIMIT)?;
    if let Some((conversation, _)) = activities.iter().find(|(_, activity)| activity.is_busy()) {
        return Ok(Some(format!("a turn is going on in {conversation}")));
    }
    if let Some(ask) = client.permissions(place, ASK_LIMIT)?.first() {
        return Ok(Some(format!("permission {} is pending in {}", ask.id, ask.conversation)));
    }
    if let Some(ask) = client.questions(place, ASK_LIMIT)?.first() {
        return Ok(Some(format!("question {} is pending in {}", ask.id, ask.conversation)));
    }
    if idle < START_GAP
        && let Some(newest) = newest_root(server, place, Some(NEWEST))?.conversation
    {
        // A prompt that was taken a moment ago shows as a message before anything is busy.
        let message = client.newest_message(&newest.id, place, Limit::Whole(ASK_LIMIT))?;
        if message.is_some_and(|message| message.info.is_prompt()) {
            return Ok(Some(format!("a turn may be about to start in {}", newest.id)));
        }
    }
    Ok(None)
}

/// Stops one after a last look: asking takes time, and it may have been used meanwhile.
fn remove(
    context: &Context,
    id: &str,
    why: Why,
    max_idle: Duration,
    result: &mut CleanedUp,
) -> Result<()> {
    let Some(record) = context.store.read()?.record(id)? else { return Ok(()) };
    if let Why::Idle(_) = why
        && idle(&record).is_none_or(|idle| idle < limit(&record, max_idle))
    {
        result.spared.push((id.into(), "somebody has used it in between".into()));
        return Ok(());
    }
    if matches!(why, Why::Dead(_)) && life(&record) != Life::Dead {
        result.spared.push((id.into(), "it is not dead any more".into()));
        return Ok(());
    }
    match stop(context, id, &StopOptions::default()) {
        Ok(stopped) => {
            let processes = stopped.iter().map(|one| one.processes).sum();
            result.cleaned.push(Cleaned { id: id.into(), why, processes });
        }
        Err(error) if error.code == crate::error::Code::NotFound => {}
        Err(error) => result.trouble.push(error),
    }
    Ok(())
}

/// The last line of a dead server's log that sounds like a reason.
fn reason(context: &Context, record: &Record) -> Option<String> {
    if record.status() == crate::store::Status::Starting {
        return Some("its start was cut short".into());
    }
    let sign = |line: &&String| {
        let line = line.to_lowercase();
        ["error", "locked", "killed", "panic", "fatal", "eaddrinuse", "out of memory"]
            .iter()
            .any(|sign| line.contains(sign))
    };
    let lines = last_lines(&context.store.log_path(&record.id), REASON_LINES);
    lines.iter().rev().find(sign).map(|line| line.trim().chars().take(300).collect())
}

impl Why {
    /// For people.
    pub fn text(&self) -> String {
        match self {
            Why::Idle(idle) => format!("idle for {}", seconds(Duration::from_secs(idle.as_secs()))),
            Why::Dead(Some(reason)) => format!("was dead: {reason}"),
            Why::Dead(None) => "was dead; its log does not tell why".into(),
        }
    }
}
