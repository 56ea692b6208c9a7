//! `bench status --watch` over all shards of a batch.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Bench, SOON, both, is_prompt};
use crate::support::processes::poll;

#[test]
fn a_batch_is_watched_over_all_its_shards_until_it_is_finished() {
    let bench = Bench::new("bench-watch", json!({"turn": {"hold": true}}));
    bench.plan(&both(), &json!({}));
    let first = bench.run(&["--shard", "1/2"]).spawn();
    let prompts = || bench.sandbox.stand_in_requests().iter().filter(|one| is_prompt(one)).count();
    poll(SOON, || (prompts() == 1).then_some(())).expect("a prompt");
    let second = bench.run(&["--shard", "2/2"]).spawn();
    poll(SOON, || (prompts() == 2).then_some(())).expect("a prompt of the other shard");
    let mut text = bench.on_results("status", &["--watch", "--interval", "0.1"]).spawn();
    let mut json = bench.on_results("status", &["--watch", "--interval", "0.1", "--json"]).spawn();
    text.wait_for_line("shard 2/2 is worked on", SOON);
    json.wait_for_line("\"working\":[\"1/2\",\"2/2\"]", SOON);
    bench.sandbox.set_faults(&json!({}));
    first.wait(SOON).ok();
    second.wait(SOON).ok();
    let ended = text.wait(SOON).ok();
    assert!(ended.stdout.contains(" finished: "), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\u{1b}'), "no screen is cleared in a pipe");
    let ended = json.wait(SOON).ok();
    let looks: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finished: Vec<bool> =
        looks.iter().map(|look| look["finished"].as_bool().unwrap()).collect();
    let (last, before) = finished.split_last().unwrap();
    assert!(*last && before.iter().all(|finished| !finished), "{finished:?}");
    let progress = &looks.last().unwrap()["progress"];
    assert_eq!((&progress["pass"], &progress["fail"]), (&json!(1), &json!(1)));
    // There is nothing to wait for any more.
    bench.on_results("status", &["--watch", "--interval", "3600"]).run().ok();
}

#[test]
fn watching_ends_by_a_signal_without_a_reader_and_when_the_directory_is_gone() {
    let bench = Bench::new("bench-watch-ends", json!({}));
    bench.plan(&both(), &json!({}));
    bench.run(&["--limit", "1"]).run().ok();
    let mut watched = bench.on_results("status", &["--watch", "--interval", "0.1"]).spawn();
    watched.wait_for_line(" unfinished: ", SOON);
    watched.signal(Signal::INT);
    watched.wait(SOON).fails(130);
    let results = bench.results().display().to_string();
    let piped =
        "{ \"$0\" bench status \"$1\" --watch --interval 3600; echo \"status $?\" >&2; } | head -1";
    let read = bench.sandbox.shell(piped, &[&results]).run().ok();
    assert!(read.stdout.contains(" unfinished: "), "{}", read.stdout);
    assert_eq!(read.stderr, "status 0\n");
    let mut watched = bench.on_results("status", &["--watch", "--interval", "0.1"]).spawn();
    watched.wait_for_line(" unfinished: ", SOON);
    std::fs::rename(bench.results(), bench.results().with_extension("gone")).unwrap();
    let ended = watched.wait(SOON).fails(3);
    assert!(ended.stderr.contains("is no directory of a benchmark"), "{}", ended.stderr);
    bench.on_results("status", &["--interval", "1"]).run().fails(2);
}
