//! Stops sessions that are not used any more, and removes what dead ones left.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::dead::forget;
use super::memory;
use super::stop::{StopOptions, nested, stop};
use crate::client::Answer;
use crate::error::{Error, Result};
use crate::runner::asks::reach::directories;
use crate::runner::context::Context;
use crate::runner::conversation::find::{changed, newest_root};
use crate::runner::session::ghosts::live;
use crate::runner::session::labels::{Labels, has_labels};
use crate::runner::session::life::{Life, life};
use crate::runner::session::logs::file::last_lines;
use crate::runner::session::pending::Scene;
use crate::runner::session::server::Server;
use crate::sorting;
use crate::store::Record;
use crate::units::{Deadline, PROBE_LIMIT, seconds};

/// How long after a use of the session a prompt may have been taken without anything being busy
/// yet: a cold server needs up to two seconds, a loaded machine more.
const START_GAP: Duration = Duration::from_secs(30);

/// One question to a server that has shown that it answers. A cold directory takes it seconds, and
/// a cleanup has time.
const ASK_LIMIT: Duration = Duration::from_secs(15);

/// How long all that a server is asked may take.
const ASK_MOST: Duration = Duration::from_secs(60);

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

/// Stops every session with these labels that was last used longer ago than `max_idle` and that is
/// doing nothing, and removes every dead one. With `dry_run` it only says which.
pub fn cleanup(
    context: &Context,
    max_idle: Duration,
    labels: &Labels,
    dry_run: bool,
) -> Result<CleanedUp> {
    let mut result = CleanedUp::default();
    let mut records = context.store.read()?.records().collect::<Result<Vec<_>>>()?;
    let order =
        sorting::map(records.iter().enumerate().map(|(at, record)| (record.id.clone(), at)));
    // A nested session was started later than its parent and has to go first.
    sorting::sort_by_key(&mut records, |record| std::cmp::Reverse(record.created()));
    let (mut dead, alive): (Vec<Record>, Vec<Record>) =
        records.into_iter().partition(|record| life(context, record) == Life::Dead);
    let is_meant = |record: &Record| has_labels(&record.labels, labels);
    dead.retain(is_meant);
    for record in alive.iter().filter(|record| is_meant(record)) {
        match verdict(context, record, max_idle, &result.cleaned)? {
            Verdict::Keep => {}
            Verdict::Spare(why) => result.spared.push((record.id.clone(), why)),
            Verdict::Remove(why) if dry_run => {
                result.cleaned.push(Cleaned { id: record.id.clone(), why, processes: 0 });
            }
            Verdict::Remove(why) => remove(context, &record.id, why, max_idle, &mut result)?,
        }
    }
    remove_dead(context, dead, &alive, dry_run, &mut result)?;
    if !dry_run {
        memory::forget_unused(&context.store.programs_path());
    }
    sorting::sort_by_key(&mut result.cleaned, |one| order.get(&one.id));
    sorting::sort_by_key(&mut result.spared, |(id, _)| order.get(id));
    Ok(result)
}

/// Removes the dead sessions, but for those from within which a session was started that lives on.
fn remove_dead(
    context: &Context,
    mut dead: Vec<Record>,
    alive: &[Record],
    dry_run: bool,
    result: &mut CleanedUp,
) -> Result<()> {
    let gone = sorting::set(result.cleaned.iter().map(|one| one.id.as_str()));
    let stays = alive.iter().filter(|record| !gone.contains(record.id.as_str()));
    let parents =
        sorting::map(stays.filter_map(|record| Some((record.parent.clone()?, record.id.clone()))));
    dead.retain(|record| match parents.get(&record.id) {
        Some(nested) => {
            let why = format!("{nested} was started from within it and lives");
            result.spared.push((record.id.clone(), why));
            false
        }
        None => true,
    });
    let reasons: Vec<Why> = dead.iter().map(|record| Why::Dead(reason(context, record))).collect();
    let forgotten = if dry_run { BTreeSet::new() } else { forget(context, &dead)? };
    for (record, why) in dead.iter().zip(reasons) {
        if dry_run || forgotten.contains(&record.id) {
            result.cleaned.push(Cleaned { id: record.id.clone(), why, processes: 0 });
        } else {
            // A tool of it still runs, or it has changed in between.
            remove(context, &record.id, why, Duration::ZERO, result)?;
        }
    }
    Ok(())
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
    // An adopted server is not ours to stop for being idle.
    if record.adopted_url.is_some() || !matches!(life(context, record), Life::Alive(_)) {
        return Ok(Verdict::Keep);
    }
    let idle = match idle(record) {
        None => return Ok(Verdict::Spare("its last activity is unknown".into())),
        Some(idle) if idle < limit(record, max_idle) => return Ok(Verdict::Keep),
        Some(idle) => idle,
    };
    let gone = |id: &str| cleaned.iter().any(|one| one.id == id);
    let nested = nested(context, &context.store.read()?, record)?;
    if let Some(one) = nested.iter().find(|one| !gone(&one.id)) {
        return Ok(Verdict::Spare(format!("{} was started from within it and lives", one.id)));
    }
    Ok(match busy(context, record, idle, limit(record, max_idle)) {
        None => Verdict::Remove(Why::Idle(idle)),
        Some(why) => Verdict::Spare(why),
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
fn busy(context: &Context, record: &Record, idle: Duration, limit: Duration) -> Option<String> {
    let server = match Server::open(context, &record.id) {
        Ok(server) => server,
        Err(error) => return Some(error.into_message()),
    };
    server.client.limit_to(Deadline::after(ASK_MOST), None);
    // Silence is what health answers quickest; the rest then comes or is a fault of its own.
    if let Err(failure) = server.client.health(PROBE_LIMIT) {
        return Some(format!("its server does not answer: {failure}"));
    }
    let silent = |why: String| Some(format!("its server does not tell what it is doing: {why}"));
    let places = match directories(context, &server) {
        Ok(places) => places,
        Err(error) => return silent(error.into_message()),
    };
    for place in &places {
        match working(&server, place, idle, limit) {
            Ok(None) => {}
            Ok(Some(what)) => return Some(what),
            Err(failure) => return silent(failure.to_string()),
        }
    }
    None
}

fn working(
    server: &Server,
    place: &str,
    idle: Duration,
    limit: Duration,
) -> Answer<Option<String>> {
    let client = &server.client;
    let activities = client.activities(place, ASK_LIMIT)?;
    if let Some((conversation, _)) = activities.iter().find(|(_, activity)| activity.is_busy()) {
        return Ok(Some(format!("a turn is going on in {conversation}")));
    }
    let permissions = Scene::of(server, place, ASK_LIMIT).permissions()?;
    if let Some(ask) = live(server, place, permissions.asks, ASK_LIMIT.into())?.first() {
        return Ok(Some(format!("permission {} is pending in {}", ask.id, ask.conversation)));
    }
    let questions = client.questions(place, ASK_LIMIT)?;
    if let Some(ask) = live(server, place, questions, ASK_LIMIT.into())?.first() {
        return Ok(Some(format!("question {} is pending in {}", ask.id, ask.conversation)));
    }
    let Some(newest) = newest_root(server, place, Some(NEWEST))?.conversation else {
        return Ok(None);
    };
    // The turn may have been longer than the limit, or began without occtl.
    if let Some(ago) = since(changed(&newest))
        && ago < limit
    {
        return Ok(Some(format!("{} was changed {} ago", newest.id, seconds(ago))));
    }
    if idle < START_GAP {
        // A prompt that was taken a moment ago shows as a message before anything is busy.
        let message = client.newest_message(&newest.id, place, ASK_LIMIT.into())?;
        if message.is_some_and(|message| message.info.is_prompt()) {
            return Ok(Some(format!("a turn may be about to start in {}", newest.id)));
        }
    }
    Ok(None)
}

/// How long ago a moment was that the server tells, in milliseconds since 1970. A moment in the
/// future was just now.
fn since(moment: f64) -> Option<Duration> {
    let moment = Timestamp::from_millisecond(moment as i64).ok()?;
    let since = Timestamp::now().duration_since(moment);
    Some(Duration::from_secs(Duration::try_from(since).unwrap_or_default().as_secs()))
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
        result.spared.push((id.into(), "it was used in between".into()));
        return Ok(());
    }
    if matches!(why, Why::Dead(_)) && life(context, &record) != Life::Dead {
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
