//! Reserves a session: an id, a port, a record.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;

use serde::Deserialize;

use super::options::StartOptions;
use crate::error::{Error, Result};
use crate::process::{self, Guardian};
use crate::runner::context::Context;
use crate::runner::lifecycle::end;
use crate::runner::lifecycle::worktree;
use crate::runner::session::address::{is_port_free, listening_address};
use crate::runner::session::labels::Labels;
use crate::runner::session::life::{Life, life};
use crate::runner::session::select::check_name;
use crate::store::{Document, Record, Status, Worktree};

/// What a reservation is made from.
pub struct Plan<'a> {
    pub options: &'a StartOptions,
    pub workdir: &'a Path,
    pub program: &'a Path,
    pub worktree: &'a Option<Worktree>,
    pub labels: Labels,
    pub opened: Option<(String, String)>,
    pub guard: Option<&'a Guardian>,
}

/// A session that has an id and a port.
pub struct Reservation {
    /// As it is in the store.
    pub record: Record,
    /// The lock that its server is to hold for life; `None` where the file system has no locks.
    pub lock: Option<File>,
}

/// Takes an id and a port. What is written is a record whose pid is ours.
pub fn reserve(context: &Context, plan: &Plan) -> Result<Reservation> {
    let ports = context.environment.ports()?;
    let mut abandoned = abandoned(context)?;
    let mut record = planned(context, plan);
    let mut lock = None;
    let reserved = context.update(|document| {
        abandoned.retain(|record| {
            // Its start may have gone on, if it was only our look that came too early.
            document.record(&record.id).is_ok_and(|now| now.as_ref() == Some(record))
        });
        for record in &abandoned {
            document.remove(&record.id);
        }
        check_names(context, document, plan)?;
        while document.ids().any(|id| id == record.id) {
            record.id = new_id();
        }
        if plan.options.isolate {
            let place = context.store.isolated_path(&record.id);
            record.isolated = Some(place.display().to_string());
        }
        record.port = free_port(document, listening_address(&record), &ports, &[])?;
        if let Some(guard) = plan.guard {
            guard.tell(&record.id).map_err(|error| {
                Error::failed(format!("the guard of the session has ended: {error}"))
            })?;
        }
        // Before there is a record, so that no other place takes the session for dead.
        lock = context.store.lock_life(&record.id).ok();
        document.put(&record)?;
        document.set_next_port(record.port.saturating_add(1));
        Ok(())
    });
    if reserved.is_err() && lock.is_some() {
        // No record leads to it.
        let _ = fs::remove_file(context.store.life_lock_path(&record.id));
    }
    reserved?;
    abandoned.iter().for_each(|record| end::sweep(context, record));
    Ok(Reservation { record, lock })
}

/// The record of a session that is going to start, with our own pid and still without a port.
fn planned(context: &Context, plan: &Plan) -> Record {
    let options = plan.options;
    let own = process::own_identity();
    let home = process::own_home();
    let mut record = Record {
        id: new_id(),
        pid: Some(own.pid),
        pid_start_time: Some(own.start_time),
        boot_id: Some(own.boot_id),
        machine_id: home.machine.clone(),
        host: home.host.clone(),
        pid_namespace: home.pid_namespace,
        config_path: options.workdir.as_ref().map(|path| path.display().to_string()),
        status: "starting".into(),
        agent: options.agent.clone(),
        workdir: Some(plan.workdir.display().to_string()),
        name: options.name.clone(),
        // A server that only this machine reaches gets its password when it is spawned.
        password: plan.opened.as_ref().map(|(_, own)| own.clone()),
        hostname: plan.opened.as_ref().map(|(hostname, _)| hostname.clone()),
        opencode: Some(plan.program.display().to_string()),
        parent: context.environment.parent_session(),
        allow_occtl_commands: Some(options.allow_occtl),
        idle_timeout_s: options.idle_timeout.map(|limit| limit.as_secs_f64()),
        not_recorded: Some(options.not_recorded()),
        labels: plan.labels.clone(),
        worktree: plan.worktree.clone(),
        ..Record::default()
    };
    record.set_created(jiff::Timestamp::now());
    record
}

/// Takes a session's own port again, or another one if that is taken, for a server that is started
/// in place of the one that has ended. `before` is the record as it was then, and `password` is for
/// a server that other machines reach.
pub fn reserve_again(
    context: &Context,
    before: &Record,
    password: Option<String>,
) -> Result<Reservation> {
    let ports = context.environment.ports()?;
    let own = process::own_identity();
    let id = &before.id;
    let mut lock = None;
    let record = context.update(|document| {
        let is_same = |now: &Record| {
            (&now.status, now.pid, now.pid_start_time)
                == (&before.status, before.pid, before.pid_start_time)
        };
        let Some(mut record) = document.record(id)?.filter(is_same) else {
            return Err(Error::failed(format!("session {id} was changed by another command"))
                .hint(format!("occtl status {id} shows how it is now")));
        };
        let home = process::own_home();
        record.status = "starting".into();
        record.pid = Some(own.pid);
        record.pid_start_time = Some(own.start_time);
        record.boot_id = Some(own.boot_id.clone());
        record.machine_id.clone_from(&home.machine);
        record.host.clone_from(&home.host);
        record.pid_namespace = home.pid_namespace;
        // One that only this machine reaches gets its password when it is spawned.
        record.password = password.clone().filter(|_| record.hostname.is_some());
        let address = listening_address(&record);
        let is_held = |other: &str, one: Port| other != id && one.port == record.port;
        if document.each(is_held)?.contains(&true) || !is_port_free(address, record.port) {
            record.port = free_port(document, address, &ports, &[])?;
        }
        lock = context.store.lock_life(id).ok();
        document.put(&record)?;
        Ok(record)
    })?;
    Ok(Reservation { record, lock })
}

/// An error if another session has the name that this one is to have, or lives in its worktree.
fn check_names(context: &Context, document: &Document, plan: &Plan) -> Result<()> {
    if let Some(name) = &plan.options.name {
        check_name(document, name)?;
    }
    if let Some(worktree) = plan.worktree {
        let others = document.records_where(|other| worktree::is_in_it(other, worktree))?;
        if let Some(other) = others.iter().find(|other| life(context, other) != Life::Dead) {
            return Err(worktree::taken(&worktree.path).hint(format!(
                "session {} works there: occtl stop {}; or take another name",
                other.id, other.id
            )));
        }
    }
    Ok(())
}

/// Reservations whose `occtl start` was killed and that have no process: their ports are free. A
/// session that was being started again has had a server before, and has something to lose.
fn abandoned(context: &Context) -> Result<Vec<Record>> {
    context.store.read()?.records_where(|record| {
        let is_new = record.status() == Status::Starting && record.opencode_version.is_none();
        is_new && life(context, record) == Life::Dead
    })
}

/// What a record holds of all that others look for.
#[derive(Deserialize)]
struct Port {
    port: u16,
}

/// The lowest port that no record holds, that is not in `busy`, and that can be bound at that
/// address right now.
pub fn free_port(
    document: &Document,
    address: Ipv4Addr,
    ports: &std::ops::RangeInclusive<u16>,
    busy: &[u16],
) -> Result<u16> {
    let held: std::collections::HashSet<u16> =
        document.each(|_, one: Port| one.port)?.into_iter().collect();
    let free =
        |port: &u16| !held.contains(port) && !busy.contains(port) && is_port_free(address, *port);
    ports.clone().find(free).ok_or_else(|| {
        let (first, last) = (ports.start(), ports.end());
        Error::failed(format!("no port from {first} to {last} is free")).hint(
            "occtl cleanup and occtl stop free some; OCCTL_PORT_RANGE=FIRST-LAST names others",
        )
    })
}

/// A new session's id.
pub fn new_id() -> String {
    format!("oc-{}", &crate::random::id().simple().to_string()[..8])
}
