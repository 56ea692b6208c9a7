//! Records against processes, processes against records, and files against both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::finding::{DoctorOptions, Finding, Health};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::process::{self, Running};
use crate::runner::context::Context;
use crate::runner::lifecycle::dead::forget;
use crate::runner::lifecycle::end::{end_processes, sweep};
use crate::runner::lifecycle::remembered::{CARRIED, Carried};
use crate::runner::lifecycle::stop::{StopOptions, stop};
use crate::runner::session::life::{Life, MARK, blind_reason, life};
use crate::runner::session::server::{LOOPBACK, endpoint};
use crate::sorting;
use crate::store::{Record, Status, is_id};
use crate::units::{Deadline, PROBE_LIMIT, STOP_GRACE};

pub fn check(context: &Context, options: DoctorOptions) -> Vec<Finding> {
    let fix = options.fix;
    // Processes and files first: a session that is started meanwhile has its record before either.
    let processes = of_our_store(context);
    let files = files(context);
    let read = || context.store.read().and_then(|document| document.records().collect());
    let Ok(records): Result<Vec<Record>> = read() else {
        return Vec::new();
    };
    let mut known = sorting::set(records.iter().map(|record| record.id.clone()));
    let mut findings = dead(context, &records, fix);
    let settled = sorting::set(findings.iter().filter_map(|finding| finding.subject.clone()));
    let others = records.iter().filter(|record| !settled.contains(&record.id));
    findings.extend(others.map(|record| session(context, record, options)));
    findings.extend(shared_ports(&read().unwrap_or(records)));
    let above = process::ancestors();
    for (id, mut members) in processes.into_iter().filter(|(id, _)| !known.contains(id)) {
        // A session that was being stopped at the first look is gone by now, and its record with
        // it.
        members.retain(|one| one.identity.is_alive());
        if !members.is_empty() {
            let within = members.iter().any(|one| above.contains(&one.identity.pid));
            findings.push(orphans(context, &id, &members, within, fix));
        }
    }
    if let Ok(document) = context.store.read() {
        known.extend(document.ids().map(String::from));
    }
    // While it has processes they are its own.
    let lives = |one: &&Finding| one.check == "process" && one.health != Health::Mended;
    known.extend(findings.iter().filter(lives).filter_map(|one| one.subject.clone()));
    for (id, path) in files.into_iter().filter(|(id, _)| !known.contains(id)) {
        findings.push(left_over(&id, &path, fix));
    }
    findings
}

/// With `fix`, forgets all sessions at once of which nothing is left.
fn dead(context: &Context, records: &[Record], fix: bool) -> Vec<Finding> {
    let dead: Vec<Record> = records
        .iter()
        .filter(|record| fix && life(context, record) == Life::Dead)
        .cloned()
        .collect();
    let forgotten = forget(context, &dead).unwrap_or_default();
    let mended = |id: &String| {
        let advice = format!("occtl stop {id}");
        let finding = Finding::bad("session", "its server is gone", &advice).of(id);
        finding.after(Ok("ended what was left of it and forgot it"))
    };
    forgotten.iter().map(mended).collect()
}

/// What is wrong with a session. `record` may be older than what it says: `occtl start` finishes,
/// and `stop` removes, while doctor looks at the sessions before. So a record that looks bad is
/// read again before it is judged.
fn session(context: &Context, record: &Record, options: DoctorOptions) -> Finding {
    let id = &record.id;
    let forget = options.fix && options.forget_elsewhere;
    if forget && blind_reason().is_none() && life(context, record) == Life::Elsewhere {
        let stop_options = StopOptions { forget_elsewhere: true, ..StopOptions::default() };
        let forgotten = stop(context, id, &stop_options);
        let advice = format!("occtl stop {id} --forget-elsewhere");
        let finding = Finding::bad("session", "lives in another place", &advice).of(id);
        return finding.after(forgotten.map(|_| "dropped its record and files"));
    }
    if let Some(good) = look(context, record) {
        return good.of(id);
    }
    let record = match context.store.read().and_then(|document| document.record(id)) {
        Ok(Some(record)) => record,
        Ok(None) => return Finding::good("session", "was stopped meanwhile").of(id),
        Err(error) => return Finding::bad("session", error.into_message(), "look again").of(id),
    };
    if let Some(good) = look(context, &record) {
        return good.of(id);
    }
    let found = life(context, &record);
    let what = if found == Life::Dead {
        "its server is gone"
    } else {
        "its start was killed before the server was ready"
    };
    let finding = Finding::bad("session", what, &format!("occtl stop {id}")).of(id);
    let end = || -> Result<&str> {
        end_processes(&record, found.server(), STOP_GRACE, Deadline::never())?;
        sweep(context, &record);
        context.update(|document| Ok(document.remove(id)))?;
        Ok("ended what was left of it and forgot it")
    };
    if options.fix { finding.after(end()) } else { finding }
}

/// What a session that is neither dead nor cut short in its start does; `None` for another one.
fn look(context: &Context, record: &Record) -> Option<Finding> {
    let found = life(context, record);
    match (&found, record.status()) {
        (Life::Dead, _) | (Life::Alive(_), Status::Starting) => None,
        (Life::Elsewhere, _) => {
            if let Some(blind) = blind_reason() {
                let what = "whether its server lives cannot be seen";
                return Some(Finding::warning("session", what, blind));
            }
            let host = record.host.as_deref().unwrap_or("another machine");
            let detail = format!("lives in another place: on {host}, or in a container");
            Some(Finding::good("session", detail))
        }
        (Life::Starting, _) => Some(Finding::good("session", "is starting")),
        (Life::Alive(_) | Life::Adopted, _) => {
            Some(answering(record, &found, &format!("occtl stop {}", record.id)))
        }
    }
}

fn answering(record: &Record, found: &Life, advice: &str) -> Finding {
    match Client::new(endpoint(record, found.server(), Deadline::after(PROBE_LIMIT)))
        .health(PROBE_LIMIT)
    {
        Ok(health) => Finding::good("session", format!("answers, version {}", health.version)),
        Err(failure) => Finding::warning("session", failure.to_string(), advice),
    }
}

/// Two records on one port cannot both be right. Looked for after the dead ones are gone.
fn shared_ports(records: &[Record]) -> Vec<Finding> {
    let mut ports: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.adopted_url.is_none()) {
        ports.entry(record.port).or_default().push(&record.id);
    }
    let shared = ports.into_iter().filter(|(_, ids)| ids.len() > 1);
    let bad = |(port, ids): (u16, Vec<&str>)| {
        let detail = format!("{port} is held by {}", ids.join(", "));
        Finding::bad("port", detail, "occtl stop the one that does not answer")
    };
    shared.map(bad).collect()
}

/// Processes by the session whose mark they carry, of this store alone: other stores of this user
/// are none of our business.
fn of_our_store(context: &Context) -> BTreeMap<String, Vec<Running>> {
    // One directory may have several names.
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let ours = real(context.store.directory());
    let mut found: BTreeMap<String, Vec<Running>> = BTreeMap::new();
    for process in process::with_variable(MARK) {
        let get = |name: &str| process.variables.get(name);
        let named = get("OCCTL_DATA_DIR").map(PathBuf::from);
        // Servers of 0.4.0 have no such variable unless it was set by hand.
        let default =
            || get("HOME").map(|home| PathBuf::from(home).join(".local/share/opencode-ctl"));
        let same = named.or_else(default).is_some_and(|place| real(&place) == ours);
        let id =
            get(MARK).and_then(|id| id.to_str()).filter(|id| id.starts_with("oc-") && is_id(id));
        if let (true, Some(id)) = (same, id.map(String::from)) {
            found.entry(id).or_default().push(process);
        }
    }
    found
}

/// Processes of a session that has no record: a lost store, or the rest of something killed.
fn orphans(context: &Context, id: &str, members: &[Running], within: bool, fix: bool) -> Finding {
    let pids: Vec<String> = members.iter().map(|one| one.identity.pid.to_string()).collect();
    let pids = pids.join(", ");
    if let Some((record, carried)) = rebuilt(context, id, members) {
        let detail =
            format!("a server without a record listens on port {} (pid {pids})", record.port);
        let finding = Finding::bad("process", detail, "occtl doctor --fix records it again").of(id);
        let record_it = || -> Result<&str> {
            let mut record = record;
            context.update(|document| {
                carried.restore(document, &mut record);
                document.put(&record)
            })?;
            Ok("recorded again")
        };
        return if fix { finding.after(record_it()) } else { finding };
    }
    if within {
        let detail = "this command runs within it, and it has no record";
        return Finding::warning("process", detail, "run doctor from outside").of(id);
    }
    let detail = format!("processes without a record: {pids}");
    let finding = Finding::bad("process", detail, "occtl doctor --fix ends them").of(id);
    let end = || -> Result<&str> {
        let record = Record { id: id.into(), ..Record::default() };
        end_processes(&record, None, STOP_GRACE, Deadline::never()).map(|_| "ended")
    };
    if fix { finding.after(end()) } else { finding }
}

/// The record of a server that lives, made from what its process tells. One that is too busy to
/// answer is not lost for that.
fn rebuilt(context: &Context, id: &str, members: &[Running]) -> Option<(Record, Carried)> {
    members.iter().find_map(|Running { identity, variables }| {
        let words = process::command_line(identity.pid);
        let value = |flag: &str| {
            let at = words.iter().position(|word| word == flag)?;
            words.get(at + 1)?.to_str()
        };
        let port = value("--port")?.parse().ok()?;
        words.iter().find(|word| *word == "serve")?;
        let get = |name: &str| variables.get(name)?.to_str().map(String::from);
        let workdir = fs::read_link(format!("/proc/{}/cwd", identity.pid)).ok()?;
        let isolated = context.store.isolated_path(id);
        let home = process::own_home();
        let mut record = Record {
            id: id.into(),
            port,
            pid: Some(identity.pid),
            pid_start_time: Some(identity.start_time),
            boot_id: Some(identity.boot_id.clone()),
            machine_id: home.machine.clone(),
            host: home.host.clone(),
            pid_namespace: home.pid_namespace,
            status: "running".into(),
            hostname: value("--hostname").filter(|name| *name != LOOPBACK).map(String::from),
            config_path: Some(workdir.display().to_string()),
            workdir: Some(workdir.display().to_string()),
            password: get("OPENCODE_SERVER_PASSWORD"),
            parent: get("OPENCODE_PARENT_SESSION_ID"),
            allow_occtl_commands: Some(
                !get("OPENCODE_BLACKLIST").is_some_and(|list| list.ends_with("bash:occtl")),
            ),
            isolated: isolated.exists().then(|| isolated.display().to_string()),
            ..Record::default()
        };
        // The port may have another owner by now, who must not learn the password. A server that
        // was started through a script listens in a process below the one with the arguments.
        members.iter().find(|member| process::listens(member.identity.pid, port))?;
        let health = Client::new(endpoint(&record, None, Deadline::after(PROBE_LIMIT)))
            .health(PROBE_LIMIT)
            .ok();
        record.opencode_version = health.map(|health| health.version);
        record.set_created(jiff::Timestamp::now());
        Some((record, get(CARRIED).map(|text| Carried::read(&text)).unwrap_or_default()))
    })
}

/// Logs and own directories of sessions, by session.
fn files(context: &Context) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for folder in ["logs", "isolated", "locks"] {
        let entries = fs::read_dir(context.store.directory().join(folder));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let id = name.strip_suffix(".log").or_else(|| name.strip_suffix(".lock"));
            let id = id.unwrap_or(&name).to_string();
            if id.starts_with("oc-") {
                found.push((id, entry.path()));
            }
        }
    }
    found
}

fn left_over(id: &str, path: &PathBuf, fix: bool) -> Finding {
    let shown = path.display();
    let finding = Finding::warning(
        "file",
        format!("{shown} is of no session"),
        "occtl doctor --fix removes it",
    );
    let remove = || -> Result<&str> {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.map_err(|error| Error::failed(format!("cannot remove {shown}: {error}")))?;
        Ok("removed")
    };
    let finding = finding.of(id);
    if fix { finding.after(remove()) } else { finding }
}
