//! What commands cost, in instructions and in system calls, held against `tests/data/budgets.json`.
//!
//! Other than times these are the same on a busy machine. They are those of the debug build, which
//! `make test` makes anyway, and they change with the compiler and the C library. `make budgets`
//! writes them anew.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::command::{Outcome, Run};
use crate::support::processes::{poll, signal};
use crate::support::sandbox::Sandbox;

/// By how much a count may exceed its budget, in percent.
const MARGIN: u64 = 10;
/// By how much a small count may.
const LEAST_MARGIN: u64 = 3;
/// A count that is too large is taken again: an answer that comes late costs some more.
const ROUNDS: usize = 4;
/// How many events of others are counted.
const EVENTS: u64 = 5000;
const SOON: Duration = Duration::from_secs(120);

/// Waiting, which depends on when answers come.
const WAITING: [&str; 4] = ["poll", "ppoll", "nanosleep", "clock_nanosleep"];
/// Reading, which depends on how much of an answer has come.
const READING: [&str; 2] = ["recvfrom", "read"];

#[derive(Serialize, Deserialize)]
struct Budgets {
    made_with: BTreeMap<String, String>,
    budgets: BTreeMap<String, Cost>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cost {
    instructions: u64,
    system_calls: u64,
}

#[test]
fn no_command_costs_more_than_its_budget() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/budgets.json");
    let writes = std::env::var_os("OCCTL_WRITE_BUDGETS").is_some();
    let Some(made_with) = tools() else {
        say("valgrind and strace are not installed: no budget is checked");
        return;
    };
    let budgets = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let budgets: Budgets = match budgets {
        Some(budgets) if !writes => budgets,
        _ => {
            assert!(writes, "{} cannot be read: make budgets writes it", path.display());
            let budgets = Bench::new().costs(|_, _| false);
            let text = serde_json::to_string_pretty(&Budgets { made_with, budgets }).unwrap();
            std::fs::write(&path, text + "\n").unwrap();
            return;
        }
    };
    for what in ["machine", "rustc", "libc"] {
        if made_with[what] != budgets.made_with[what] {
            let (now, then) = (&made_with[what], &budgets.made_with[what]);
            say(&format!("the budgets were made with {then}, not {now}: none is checked"));
            return;
        }
    }
    let fits = |name: &str, cost: Cost| {
        let most = budgets.budgets.get(name).map(|budget| {
            [budget.instructions, budget.system_calls]
                .map(|count| count + (count * MARGIN / 100).max(LEAST_MARGIN))
        });
        most.is_some_and(|[instructions, system_calls]| {
            cost.instructions <= instructions && cost.system_calls <= system_calls
        })
    };
    let costs = Bench::new().costs(fits);
    assert!(costs.keys().eq(budgets.budgets.keys()), "make budgets writes them all");
    for (name, cost) in costs {
        let budget = &budgets.budgets[&name];
        assert!(
            fits(&name, cost),
            "{name} costs {cost:?}, more than {MARGIN} % above {budget:?}. If it must: make budgets"
        );
    }
}

/// What the counts depend on, and the tools. `None` if one is missing.
fn tools() -> Option<BTreeMap<String, String>> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let first_line = |program: &str, word: &str| {
        let said = Command::new(program).arg(word).output().ok()?.stdout;
        Some(String::from_utf8_lossy(&said).lines().next()?.to_owned())
    };
    let all = [
        ("machine", Some(std::env::consts::ARCH.to_owned())),
        ("rustc", first_line(&rustc, "--version")),
        ("libc", first_line("getconf", "GNU_LIBC_VERSION")),
        ("valgrind", first_line("valgrind", "--version")),
        ("strace", first_line("strace", "--version")),
    ];
    all.into_iter().map(|(name, said)| Some((name.to_owned(), said?))).collect()
}

/// Says a line also where the test harness keeps what passing tests print.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A session whose store and whose environment are the same each time.
struct Bench {
    sandbox: Sandbox,
    session: String,
}

impl Bench {
    fn new() -> Bench {
        let mut sandbox = Sandbox::new("budgets");
        sandbox.use_stand_in(json!({}));
        // What git does is not counted, and to wait for it would be.
        sandbox.set_env("OCCTL_GIT", "off");
        let session = sandbox.start(&[]);
        Bench { sandbox, session }
    }

    /// The least that each command costs, in up to four rounds as long as it is not enough.
    fn costs(&self, is_enough: impl Fn(&str, Cost) -> bool) -> BTreeMap<String, Cost> {
        let id = self.session.as_str();
        let commands: [(&str, &[&str]); 6] = [
            ("version", &["version"]),
            ("list", &["list"]),
            ("status", &["status", id]),
            ("touch", &["touch", id]),
            ("send --wait", &["send", id, "--wait", "--title", "t", "hello"]),
            ("1000 events of others", &[]),
        ];
        let mut costs = BTreeMap::new();
        for (name, words) in commands {
            let count = || if words.is_empty() { self.events() } else { self.command(words) };
            let mut least = count();
            for _ in 1..ROUNDS {
                if is_enough(name, least) {
                    break;
                }
                let again = count();
                least.instructions = least.instructions.min(again.instructions);
                least.system_calls = least.system_calls.min(again.system_calls);
            }
            costs.insert(name.to_owned(), least);
        }
        self.sandbox.occtl(&["stop", id]).run().ok();
        costs
    }

    fn command(&self, words: &[&str]) -> Cost {
        let instructions = instructions(&self.under_valgrind(words).run().ok());
        self.under_strace(words).run().ok();
        Cost { instructions, system_calls: self.system_calls(&[]) }
    }

    /// What 1000 events of other conversations add to `events -s`. The system calls that read them
    /// do not count.
    fn events(&self) -> Cost {
        let send = |words: &[&str]| {
            let words = [&["send", &self.session, "--title", "t", "-q"], words].concat();
            self.sandbox.occtl(&words).run().ok().stdout.trim().to_owned()
        };
        let ours = send(&["--wait", "--json", "hello"]);
        let ours = serde_json::from_str::<serde_json::Value>(&ours).unwrap()["conversation"]
            .as_str()
            .unwrap()
            .to_owned();
        let words = ["events", &self.session, "-s", &ours];
        let cost = |number: u64| {
            let listen = |run: Run| self.listen(run, number, &ours);
            let instructions = instructions(&listen(self.under_valgrind(&words)));
            listen(self.under_strace(&words));
            Cost { instructions, system_calls: self.system_calls(&READING) }
        };
        let (none, many) = (cost(0), cost(EVENTS));
        let each = |none: u64, many: u64| many.saturating_sub(none) * 1000 / EVENTS;
        Cost {
            instructions: each(none.instructions, many.instructions),
            system_calls: each(none.system_calls, many.system_calls),
        }
    }

    /// Runs `events` until it has seen a turn of our own conversation behind so many other events.
    fn listen(&self, events: Run, number: u64, ours: &str) -> Outcome {
        let before = self.sandbox.stand_in_requests().len();
        let mut events = events.spawn();
        self.sandbox.wait_for_request(before, |request| request["path"] == "/event");
        self.sandbox.set_faults(&json!({"events": {"flood": number}}));
        let others = ["send", &self.session, "--title", "t", "--wait", "go"];
        self.sandbox.occtl(&others).run().ok();
        self.sandbox.set_faults(&json!({}));
        self.sandbox.occtl(&["send", &self.session, "-s", ours, "--wait", "again"]).run().ok();
        events.wait_for_line("session.idle", SOON);
        // strace itself does not end from a signal.
        for (pid, line) in self.sandbox.marked_processes() {
            if line.contains(" events ") {
                signal(pid, Signal::INT);
            }
        }
        events.wait(SOON).fails(130)
    }

    fn under_valgrind(&self, words: &[&str]) -> Run {
        let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        self.under("valgrind", &tool, words)
    }

    fn under_strace(&self, words: &[&str]) -> Run {
        let report = self.report();
        self.under("strace", &["-c", "-o", report.to_str().unwrap()], words)
    }

    fn under(&self, program: &str, flags: &[&str], words: &[&str]) -> Run {
        let words = [flags, &[env!("CARGO_BIN_EXE_occtl")], words].concat();
        self.sandbox.command(program, &words).timeout(SOON)
    }

    fn report(&self) -> PathBuf {
        self.sandbox.root().join("system-calls")
    }

    /// The system calls that strace counted, without those that wait and those named. One that came
    /// too early and has to be made again counts as waiting, too.
    fn system_calls(&self, without: &[&str]) -> u64 {
        let report = poll(SOON, || {
            std::fs::read_to_string(self.report()).ok().filter(|text| text.contains("total"))
        });
        let mut count = 0;
        for line in report.expect("a report of strace").lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (Some(name), Some(Ok(calls))) = (words.last(), words.get(3).map(|w| w.parse()))
            else {
                continue;
            };
            let calls: u64 = calls;
            let errors = words.get(4).and_then(|word| word.parse().ok()).unwrap_or(0);
            if READING.contains(name) && !without.contains(name) {
                count += calls - errors;
            } else if *name != "total" && !WAITING.contains(name) && !without.contains(name) {
                count += calls;
            }
        }
        std::fs::remove_file(self.report()).unwrap();
        count
    }
}

/// What callgrind counted.
fn instructions(done: &Outcome) -> u64 {
    let said = done.stderr.split("Collected :").nth(1);
    said.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| panic!("no count: {}", done.stderr))
}
