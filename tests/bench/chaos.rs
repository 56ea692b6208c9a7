//! Kills anything at any moment, and tears the files as a power cut does: what the resumed batch
//! says must be what one says that was never disturbed, run for run.
//!
//! `OCCTL_CHAOS_ROUNDS` makes it longer (`make chaos`). `OCCTL_CHAOS_SEED` repeats what it did, as
//! far as the scheduler allows.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::{Bench, SOON, both};
use crate::support::processes;

/// How many rounds `make test` has.
const ROUNDS: u64 = 50;
/// How many rounds one directory sees.
const ROUNDS_A_BATCH: u64 = 10;

/// Numbers that a seed determines: xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }
}

#[test]
fn a_batch_that_was_killed_at_any_moment_ends_as_one_that_was_not() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let rounds = number("OCCTL_CHAOS_ROUNDS").map_or(ROUNDS, |rounds| rounds * 5);
    let seed = number("OCCTL_CHAOS_SEED").unwrap_or(1);
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut done = 0;
    while done < rounds {
        let bench = Bench::new("bench-chaos", json!({"turn": {"delta_ms": 20}}));
        bench.plan(&both(), &json!({"repeats": 5, "retry": {"max_attempts": 3}}));
        for _ in 0..ROUNDS_A_BATCH.min(rounds - done) {
            done += 1;
            if !disturb(&bench, &mut random) {
                break;
            }
        }
        let last = bench.run(&["--jobs", "3"]).run();
        assert!([0, 2].contains(&last.status), "seed {seed}: {last:?}");
        for (task, _, repeat, state) in bench.outcomes() {
            let expected = if task == "good" { "pass" } else { "fail" };
            assert_eq!(state, expected, "seed {seed}: {task} {repeat}");
        }
        assert_eq!(bench.outcomes().len(), 10);
        assert_whole(&bench, seed);
    }
}

/// Runs the batch for a moment and does something bad to it. False once there is nothing to run.
fn disturb(bench: &Bench, random: &mut Random) -> bool {
    let parent = bench.run(&["--jobs", "3"]).spawn();
    std::thread::sleep(Duration::from_millis(random.below(1500)));
    let marked = bench.sandbox.marked_processes();
    let of = |word: &str| {
        let found = marked.iter().filter(|(_, line)| line.contains(word));
        found.map(|(pid, _)| *pid).collect::<Vec<u32>>()
    };
    let victims = match random.below(4) {
        0 => Vec::new(),
        1 => of("bench trial"),
        2 => of("bench agent"),
        _ => of("serve"),
    };
    if let Some(pid) = victims.get(random.below(victims.len() as u64) as usize) {
        processes::signal(*pid, Signal::KILL);
    }
    if random.below(3) > 0 {
        parent.signal(Signal::KILL);
    } else {
        parent.signal(Signal::TERM);
    }
    let ended = parent.wait(SOON);
    if random.below(3) == 0 {
        tear(bench, random);
    }
    ended.status != 2
}

/// Cuts the end of a file off, as a power cut may for what was not stored yet: the last line of the
/// results, or what a child was writing.
fn tear(bench: &Bench, random: &mut Random) {
    let file = bench.results().join("results-1-of-1.jsonl");
    if let Ok(text) = fs::read_to_string(&file) {
        let last = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
        let keep = last as u64 + random.below((text.len() - last) as u64);
        fs::write(&file, &text.as_bytes()[..keep as usize]).unwrap();
    }
}

/// What must hold at the end: no attempt has two lines, every line that was not torn has its files,
/// and nothing runs or lies about.
fn assert_whole(bench: &Bench, seed: u64) {
    let lines = bench.lines();
    let names: Vec<String> =
        lines.iter().map(|line| format!("{} {}", line["run_id"], line["attempt"])).collect();
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), names.len(), "seed {seed}: an attempt has two lines");
    for line in &lines {
        let files = bench.results().join(line["artifacts"].as_str().unwrap());
        assert!(files.is_dir(), "seed {seed}: {line}");
    }
    bench.sandbox.wait_for_nothing_left(SOON);
    assert_eq!(bench.left_running(), 0, "seed {seed}: an order was left");
    let left = bench.left_in_scratch();
    assert!(left.is_empty(), "seed {seed}: {left:?}");
}
