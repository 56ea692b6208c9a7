//! What all conversations used in a span of days: `usage --since`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::free::Free;
use crate::client::wire::{Head, Info};
use crate::client::{Answer, Limit};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::entry::moment;
use crate::runner::conversation::find::{Place, changed, created};
use crate::runner::session::prices::Prices;
use crate::runner::session::server::Server;
use crate::runner::session::{Labels, SessionStatus, State, list};
use crate::runner::turn::Used;
use crate::sorting;
use crate::units::time_zone;

/// How many messages are read at once from a conversation that is older than the span.
const PAGE: usize = 200;

/// How much earlier than its newest step a conversation may seem to have been changed: a turn may
/// go on for that long after its prompt.
const SLACK_MS: f64 = 24.0 * 60.0 * 60.0 * 1000.0;

/// What the steps are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The model that was called.
    Model,
    /// The agent that called it.
    Agent,
    /// The day in the local time zone.
    Day,
    /// The session whose server listed the conversation.
    Session,
}

/// From one moment on, and up to another one if that is given.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// The first moment that counts.
    pub since: Timestamp,
    /// The first moment that does not count any more.
    pub until: Option<Timestamp>,
}

impl Period {
    /// From the beginning of one day on, and through another one if that is given; `None` if there
    /// is no such span.
    pub fn of_days(since: Date, until: Option<Date>, zone: &TimeZone) -> Option<Period> {
        let start = |day: Date| day.to_zoned(zone.clone()).ok().map(|start| start.timestamp());
        let until = match until {
            Some(last) if last < since => return None,
            Some(last) => Some(start(last.tomorrow().ok()?)?),
            None => None,
        };
        Some(Period { since: start(since)?, until })
    }
}

/// What the steps with one key used.
#[derive(Clone, Debug)]
pub struct UsageRow {
    /// The model, agent, day or session; untrusted text. `None` if the server does not tell.
    pub key: Option<String>,
    /// What they used.
    pub used: Used,
}

/// What is not in a sum.
#[derive(Clone, Debug)]
pub struct Missing {
    /// `oc-…`.
    pub session: String,
    /// The conversation; `None` if all of the session are missing.
    pub conversation: Option<String>,
    /// Why it is missing.
    pub why: String,
}

/// What was used in a span of time.
#[derive(Clone, Debug)]
pub struct UsageSince {
    /// Sorted: days by time, everything else by what it is known to have cost.
    pub rows: Vec<UsageRow>,
    /// The sum of all rows.
    pub total: Used,
    /// What could not be counted.
    pub missing: Vec<Missing>,
}

/// What the conversations in the directory of a session used in a span of time; without a session,
/// those of all sessions. A conversation of a directory that sessions share counts once, for the
/// session that is first in the store.
pub fn usage_since(
    context: &Context,
    word: Option<&str>,
    period: &Period,
    by: By,
) -> Result<UsageSince> {
    let mut sum = Sum {
        period: *period,
        by,
        zone: time_zone().clone(),
        seen: BTreeSet::new(),
        rows: BTreeMap::new(),
        missing: Vec::new(),
    };
    match word {
        Some(word) => Server::with(context, word, |server| sum.add_server(server))?,
        None => sum.add_all(context)?,
    }
    for Missing { session, conversation, why } in &sum.missing {
        let what = conversation.as_deref().unwrap_or("everything");
        (context.say)(&format!("not counted: {what} of session {session}: {why}"));
    }
    Ok(sum.finish())
}

/// The sum so far.
struct Sum {
    period: Period,
    by: By,
    zone: TimeZone,
    /// The conversations that have been counted.
    seen: BTreeSet<String>,
    rows: BTreeMap<Option<String>, Used>,
    missing: Vec<Missing>,
}

/// What one server's steps with one key used.
#[derive(Default)]
struct Share {
    used: Used,
    free: Free,
}

/// A conversation whose messages are to be counted.
struct Found {
    place: Place,
    opened: f64,
}

impl Sum {
    fn add_all(&mut self, context: &Context) -> Result<()> {
        // The directories whose conversations were counted: who has seen them with one server has
        // seen those of a dead one too.
        let mut counted = BTreeSet::new();
        let mut unknown = Vec::new();
        let listing = list(context, &Labels::new(), true)?;
        listing.each(&mut |SessionStatus { facts, state, trouble, .. }| {
            let shared = facts.workdir.clone().filter(|_| !facts.isolated);
            let why = match state {
                State::Starting => return Ok(()),
                State::Dead => Some("its server is dead".to_string()),
                State::Elsewhere => Some("its server lives elsewhere".to_string()),
                State::Error => Some(trouble.unwrap_or_default()),
                _ => match Server::with(context, &facts.id, |server| self.add_server(server)) {
                    Err(error) if error.code == Code::Timeout => return Err(error),
                    counted => counted.err().map(Error::into_message),
                },
            };
            match why {
                None => counted.extend(shared),
                Some(why) => unknown.push((facts.id, shared, why)),
            }
            Ok(())
        })?;
        unknown.retain(|(_, shared, _)| shared.as_ref().is_none_or(|one| !counted.contains(one)));
        let missing = |(session, _, why)| Missing { session, conversation: None, why };
        self.missing.extend(unknown.into_iter().map(missing));
        Ok(())
    }

    fn add_server(&mut self, server: &Server) -> Result<()> {
        let since = self.period.since.as_millisecond() as f64;
        let mut found = Vec::new();
        server.client.each_conversation(&server.directory, &mut |conversation| {
            let last = changed(&conversation);
            let may_count = last == 0.0 || last >= since - SLACK_MS;
            if may_count && self.seen.insert(conversation.id.clone()) {
                let opened = created(&conversation);
                found.push(Found { place: Place::of(conversation, server), opened });
            }
        })?;
        let mut shares: BTreeMap<Option<String>, Share> = BTreeMap::new();
        for one in &found {
            let session = &server.record.id;
            let read = each_step(server, one, since, &mut |step| {
                if self.counts(&step) {
                    let share = shares.entry(self.key(&step, session)).or_default();
                    share.free.take(step, &mut share.used);
                }
            });
            match read {
                Ok(()) => {}
                // It was deleted in the meantime.
                Err(failure) if failure.status() == Some(404) => {}
                Err(failure) if failure.is_unreadable() => self.missing.push(Missing {
                    session: session.clone(),
                    conversation: Some(one.place.id.clone()),
                    why: Error::from(failure).into_message(),
                }),
                Err(failure) => return Err(failure.into()),
            }
        }
        let prices = Prices::new(server, &server.directory);
        for (key, Share { used, free }) in shares {
            let row = self.rows.entry(key).or_default();
            row.add(&used);
            row.add(&free.priced(&prices));
        }
        Ok(())
    }

    /// Whether a step belongs to the span of time.
    fn counts(&self, step: &Info) -> bool {
        let Some(at) = moment(step.time.created) else { return false };
        at >= self.period.since && self.period.until.is_none_or(|until| at < until)
    }

    fn key(&self, step: &Info, session: &str) -> Option<String> {
        match self.by {
            By::Model => {
                let (provider, model) = step.provider.as_ref().zip(step.model.as_ref())?;
                Some(format!("{provider}/{model}"))
            }
            By::Agent => step.agent.clone(),
            By::Day => {
                let at = moment(step.time.created)?;
                Some(at.to_zoned(self.zone.clone()).date().to_string())
            }
            By::Session => Some(session.into()),
        }
    }

    fn finish(self) -> UsageSince {
        let mut total = Used::default();
        self.rows.values().for_each(|used| total.add(used));
        if total.steps == 0 {
            total = Used::nothing();
        }
        let row = |(key, used)| UsageRow { key, used };
        let mut rows: Vec<UsageRow> = self.rows.into_iter().map(row).collect();
        if self.by != By::Day {
            let cost = |row: &UsageRow| row.used.cost_known_usd.unwrap_or(0.0);
            sorting::sort_by(&mut rows, |a, b| cost(b).total_cmp(&cost(a)));
        }
        UsageSince { rows, total, missing: self.missing }
    }
}

/// Passes the calls of a model in a conversation to `take`, at least those since a moment. The
/// copies in a fork keep their times: one that is older than its conversation was paid for in the
/// original.
fn each_step(server: &Server, found: &Found, since: f64, take: &mut dyn FnMut(Info)) -> Answer<()> {
    let Found { place: Place { id, directory, .. }, opened } = found;
    let mut each = |Head { info }: Head| {
        let at = info.time.created.unwrap_or(*opened);
        if info.is_answer() && at >= *opened {
            take(info);
        }
        at
    };
    if *opened >= since {
        return server.client.each_message(id, directory, &mut |head| {
            each(head);
            ControlFlow::Continue(())
        });
    }
    let mut pages = server.client.pages(id, directory, Limit::Long);
    loop {
        let mut first = None;
        let goes_on = pages.each_of_next(PAGE, &mut |head| {
            let at = each(head);
            first.get_or_insert(at);
        })?;
        if !goes_on || first.is_none_or(|at| at < since) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_span_of_days_begins_and_ends_at_midnight_of_the_time_zone() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let (first, last) = (date(2026, 3, 7), date(2026, 3, 8));
        let period = Period::of_days(first, Some(last), &zone).unwrap();
        assert_eq!(period.since.to_string(), "2026-03-07T05:00:00Z");
        // That night clocks are put forward.
        assert_eq!(period.until.unwrap().to_string(), "2026-03-09T04:00:00Z");
        assert!(Period::of_days(first, None, &zone).unwrap().until.is_none());
        assert!(Period::of_days(last, Some(first), &zone).is_none(), "it ends before it begins");
        assert!(Period::of_days(first, Some(Date::MAX), &zone).is_none());
    }
}
