//! Everything at once: commands from several processes, SIGKILL at any moment, servers and tools
//! that die, and a full disk. After each round the store must be whole, and every process must be
//! within reach of occtl. `doctor --fix` and `stop --all` must leave nothing of it, and touch
//! nothing else.
//!
//! `OCCTL_CHAOS_ROUNDS` makes it longer (`make chaos`). `OCCTL_CHAOS_SEED` repeats what it did, as
//! far as the scheduler allows.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::command::{Outcome, Running};
use crate::support::processes::{self, is_running, poll};
use crate::support::sandbox::Sandbox;

/// How many rounds `make test` has.
const ROUNDS: u64 = 10;
/// How many commands a round has.
const COMMANDS: usize = 24;
/// How many of them run at once.
const AT_ONCE: usize = 4;
/// After this many rounds everything is repaired and stopped.
const ROUNDS_BETWEEN_ENDS: u64 = 5;
const SOON: Duration = Duration::from_secs(60);

/// Numbers that a seed determines: xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, items: &'a [String]) -> Option<&'a String> {
        items.get(self.below(items.len()))
    }
}

/// Names the seed when the test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again: OCCTL_CHAOS_SEED={} cargo test --test main chaos", self.0);
        }
    }
}

/// A small file system for the data directory, where the test may mount one; it can be filled up.
struct Disk {
    place: PathBuf,
    mounted: bool,
}

impl Disk {
    fn new(place: PathBuf) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"]).arg(&place);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("no file system can be mounted here: only ulimit -f makes writing fail");
        }
        Self { place, mounted }
    }

    fn fill(&self) {
        if self.mounted {
            let mut file = File::create(self.place.join("filler")).unwrap();
            while file.write_all(&[0; 4096]).is_ok() {}
            while file.write_all(&[0]).is_ok() {}
        }
    }

    fn empty(&self) {
        let _ = std::fs::remove_file(self.place.join("filler"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(&self.place).output();
        }
    }
}

/// Processes that have nothing to do with the sandbox, and must not be touched.
struct Others {
    sandbox: Sandbox,
    url: String,
    password: String,
    pids: Vec<u32>,
    // Kept for their whole life, as any parent keeps its children.
    _running: Vec<Running>,
}

impl Others {
    fn new(chaos: &Sandbox) -> Self {
        let mut sandbox = Sandbox::new("chaos-others");
        sandbox.use_stand_in(Value::Null);
        let facts = sandbox.occtl(&["start", "--json"]).run().ok().json();
        let id = facts["id"].as_str().unwrap().to_owned();
        let sleep = || sandbox.command("setsid", &["sleep", "7000"]);
        // A tool of a session in another store; a process with this store in its environment but no
        // session's mark; and a process with a session's mark but no store.
        let running = vec![
            sleep().env("OPENCODE_SESSION_ID", &id).spawn(),
            sleep().env("OCCTL_DATA_DIR", chaos.data()).spawn(),
            sleep().env("OPENCODE_SESSION_ID", "oc-00000000").env_remove("OCCTL_DATA_DIR").spawn(),
        ];
        let found = poll(SOON, || {
            let marked = sandbox.marked_processes();
            (marked.iter().filter(|(_, line)| line == "sleep 7000").count() == 3).then_some(marked)
        });
        Self {
            url: facts["url"].as_str().unwrap().to_owned(),
            password: sandbox.record(&id)["password"].as_str().unwrap().to_owned(),
            pids: found.expect("the others").into_iter().map(|(pid, _)| pid).collect(),
            sandbox,
            _running: running,
        }
    }

    #[track_caller]
    fn assert_untouched(&self) {
        let gone: Vec<_> = self.pids.iter().filter(|pid| !is_running(**pid)).collect();
        assert!(gone.is_empty(), "unrelated processes are gone: {gone:?}");
        let listed = self.sandbox.occtl(&["list", "--json"]).run().ok().json();
        assert_eq!(listed["sessions"][0]["state"], "idle", "{listed}");
    }
}

fn ids(sandbox: &Sandbox) -> Vec<String> {
    sandbox.records().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// The words of a random command.
fn words(random: &mut Random, ids: &[String], others: &Others) -> Vec<String> {
    let id = random.pick(ids).map_or("oc-none", String::as_str).to_owned();
    let name = format!("name{}", random.below(3));
    let words: Vec<&str> = match random.below(22) {
        0..=3 => vec!["start", "-q"],
        4 => vec!["start", "-q", "--name", &name],
        5 => vec!["start", "--json", "--isolate", "--label", "a=b"],
        6 | 7 => vec!["stop", "--grace", "1", &id],
        8 => vec!["stop", "-f", &id, "oc-none"],
        9 => vec!["list"],
        10 => vec!["list", "--json"],
        11 => vec!["list", "-q"],
        12 | 13 => vec!["touch", &id],
        14 => vec!["send", &id, "hello"],
        15 => vec!["send", &id, "--wait", "hello"],
        16 => vec!["cleanup", "-m", "0"],
        17 => vec!["cleanup"],
        18 => vec!["doctor"],
        19 => vec!["doctor", "--fix"],
        20 => vec!["adopt", &others.url, "--name", "adopted"],
        _ => vec!["run", "hello"],
    };
    words.into_iter().map(String::from).collect()
}

/// A round: commands, of which some are killed, while servers are killed and tools start.
fn round(random: &mut Random, sandbox: &Sandbox, others: &Others, full: bool) {
    let mut running: Vec<(Running, bool)> = Vec::new();
    for _ in 0..COMMANDS {
        let ids = ids(sandbox);
        let words = words(random, &ids, others);
        let occtl = if full || random.one_in(12) {
            let script = "ulimit -f \"$0\"; exec \"$@\"";
            let limit = ["0", "1", "4"][random.below(3)];
            let start = ["-c", script, limit, env!("CARGO_BIN_EXE_occtl")];
            sandbox.command("sh", &start).args(&words)
        } else {
            sandbox.occtl(&words)
        };
        let occtl = occtl.env("OPENCODE_SERVER_PASSWORD", &others.password);
        let one = occtl.spawn();
        let killed = random.one_in(3);
        if killed {
            std::thread::sleep(Duration::from_micros(random.below(60_000) as u64));
            one.signal(Signal::KILL);
        }
        running.push((one, killed));
        // An adopted session is left out, because its server does not carry the mark of a tool.
        let own = sandbox.records().into_iter().filter(|one| one["adopted_url"].is_null());
        let own: Vec<_> = own.map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        if let Some(id) = random.pick(&own).filter(|_| random.one_in(3)) {
            // What a tool leaves: a process that carries the mark, in a process session of its own.
            let tool = sandbox.command("sh", &["-c", "setsid sleep 7100 >/dev/null 2>&1 &"]);
            tool.env("OPENCODE_SESSION_ID", id).run();
        }
        if random.one_in(6) {
            let mine = sandbox.marked_processes();
            let prey = |line: &str| line.contains(" serve ") || line == "sleep 7100";
            let prey: Vec<_> = mine.into_iter().filter(|(_, line)| prey(line)).collect();
            if let Some((pid, _)) = prey.get(random.below(prey.len())) {
                processes::signal(*pid, Signal::KILL);
            }
        }
        if running.len() >= AT_ONCE {
            let (one, killed) = running.remove(random.below(AT_ONCE));
            check(&one.wait(SOON), killed);
        }
    }
    running.into_iter().for_each(|(one, killed)| check(&one.wait(SOON), killed));
}

/// Fails the test unless a command ended with a status of its own, or was killed.
#[track_caller]
fn check(ended: &Outcome, killed: bool) {
    let expected = [0, 1, 2, 3, 4, 5, 8, 9, 124];
    let fine = expected.contains(&ended.status) || (killed && ended.status == 137);
    assert!(fine && !ended.stderr.contains("panicked"), "{ended:#?}");
}

/// Fails the test unless the store is whole and every process is recorded or found by `doctor`.
#[track_caller]
fn assert_whole(sandbox: &Sandbox) {
    let records = sandbox.records();
    let own = records.iter().filter(|one| one["adopted_url"].is_null());
    let ports: Vec<u64> = own.map(|one| one["port"].as_u64().unwrap()).collect();
    let different: BTreeSet<u64> = ports.iter().copied().collect();
    assert_eq!(different.len(), ports.len(), "two records share a port: {records:#?}");
    // A process that was between fork and exec when its parent was killed shows its mark a moment
    // later.
    let mut seen = Value::Null;
    let all_found = poll(Duration::from_secs(30), || {
        let known: BTreeSet<String> = ids(sandbox).into_iter().collect();
        let report = sandbox.occtl(&["doctor", "--json"]).run();
        let findings = report.json()["findings"].clone();
        let subjects: BTreeSet<&str> =
            findings.as_array().unwrap().iter().filter_map(|one| one["subject"].as_str()).collect();
        let lost: Vec<String> = marks(sandbox)
            .into_iter()
            .filter(|id| !known.contains(id) && !subjects.contains(id.as_str()))
            .collect();
        seen = json!({"lost": lost, "findings": findings});
        lost.is_empty().then_some(())
    });
    assert!(all_found.is_some(), "out of reach: {seen:#}");
}

/// The sessions whose marks the processes of this sandbox carry.
fn marks(sandbox: &Sandbox) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (pid, _) in sandbox.marked_processes() {
        let block = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let text = String::from_utf8_lossy(&block).into_owned();
        found.extend(
            text.split('\0')
                .find_map(|one| one.strip_prefix("OPENCODE_SESSION_ID="))
                .map(String::from),
        );
    }
    found
}

/// Repairs and stops everything, and fails the test if anything is left.
#[track_caller]
fn end(sandbox: &Sandbox) {
    let fixed = sandbox.occtl(&["doctor", "--fix", "--json"]).run();
    let again = sandbox.occtl(&["doctor", "--json"]).run();
    for report in [&fixed, &again] {
        let findings = report.json()["findings"].as_array().unwrap().clone();
        // The small file system has less room than doctor asks for.
        let wrong =
            findings.iter().filter(|one| one["status"] == "wrong" && one["check"] != "disk");
        let wrong: Vec<_> = wrong.collect();
        assert!(wrong.is_empty(), "doctor --fix left this: {wrong:#?}");
    }
    assert_eq!(marks(sandbox).difference(&ids(sandbox).into_iter().collect()).count(), 0);
    sandbox.occtl(&["stop", "--all", "--grace", "1"]).run().ok();
    sandbox.wait_for_nothing_left(Duration::from_secs(40));
    sandbox.assert_no_trace();
    for folder in ["isolated", "kept"] {
        assert_eq!(entries(&sandbox.data().join(folder)), [""; 0], "{folder}");
    }
}

fn entries(place: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_is_killed_at_any_moment_doctor_and_stop_leave_nothing_of_it_and_touch_nothing_else() {
    let clock = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = number("OCCTL_CHAOS_SEED").unwrap_or(clock) | 1;
    let rounds = number("OCCTL_CHAOS_ROUNDS").unwrap_or(ROUNDS);
    let _seed = Seed(seed);
    let mut random = Random(seed);
    let mut sandbox = Sandbox::new("chaos");
    sandbox.use_stand_in(Value::Null);
    let others = Others::new(&sandbox);
    let disk = Disk::new(sandbox.data());
    for number in 1..=rounds {
        let full = number % 4 == 3;
        if full {
            disk.fill();
        }
        round(&mut random, &sandbox, &others, full);
        disk.empty();
        assert_whole(&sandbox);
        if number % ROUNDS_BETWEEN_ENDS == 0 || number == rounds {
            end(&sandbox);
            others.assert_untouched();
        }
    }
    assert_eq!(others.sandbox.occtl(&["stop", "--all"]).run().ok().status, 0);
}
