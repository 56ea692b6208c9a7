//! A week of nights with one real drop, as a cron job sees it: each morning is judged by `bench
//! compare`, and what alarms is confirmed with a second night that has run already. The results
//! come from a generator with a seed, so no server is needed.

use serde_json::{Value, json};

use super::Bench;
use super::nights::plan;

const TASKS: usize = 20;
const REPEATS: usize = 5;

/// How often each task is solved if nothing is wrong: some always, some hardly ever.
fn usual(task: usize) -> f64 {
    [0.97, 0.9, 0.75, 0.5, 0.1][task % 5]
}

/// A share that the place of a run and the seed determine: splitmix64.
fn share(seed: u64, place: u64) -> f64 {
    let mut mixed = (seed << 32 | place).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Writes a night of two arms. `broken` is how many tasks the candidate does not solve any more.
fn night(bench: &Bench, name: &str, seed: u64, broken: usize) {
    let runs = vec!["p".repeat(REPEATS); TASKS];
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    let plan = plan(&[("stable", &runs), ("new", &runs)]);
    bench.write(name, &plan, &mut |run: &Value| {
        let task: usize = run["task"].as_str().unwrap()[1..].parse().unwrap();
        let is_broken = run["arm"] == "new" && task < broken;
        let chance = if is_broken { 0.03 } else { usual(task) };
        let place = task as u64 * 100 + run["repeat"].as_u64().unwrap() * 10;
        let passes = share(seed, place + u64::from(run["arm"] == "new")) < chance;
        let day = name.strip_prefix("night-").and_then(|day| day.parse().ok()).unwrap_or(9);
        Some(json!({"result": if passes { "pass" } else { "fail" },
                    "started_at": format!("2026-11-{:02}T02:00:00Z", 20 + day)}))
    });
}

/// The status of a morning, and the word.
fn morning(bench: &Bench, words: &[&str]) -> (i32, String) {
    let ended = bench.bench(&[&["compare", "--json"], words].concat()).run();
    (ended.status, ended.json()["verdict"].as_str().unwrap().to_owned())
}

#[test]
fn of_seven_nights_with_a_drop_on_the_fifth_one_alarms_and_a_second_night_confirms_it() {
    let bench = Bench::new("week", json!({}));
    let mut statuses = Vec::new();
    for day in 1..=7 {
        let name = format!("night-{day}");
        night(&bench, &name, 100 + day, if day == 5 { 8 } else { 0 });
        let (status, word) = morning(&bench, &[&name]);
        assert_eq!(status == 10, word == "regression", "{word}");
        statuses.push(status);
    }
    assert_eq!(statuses, [0, 0, 0, 0, 10, 0, 0]);
    night(&bench, "second", 200, 8);
    let confirmed = morning(&bench, &["night-5", "--confirm", "second"]);
    assert_eq!(confirmed, (10, "regression".into()));
    // The week as a person looks at it.
    let nights: Vec<String> = (1..=7).map(|day| format!("night-{day}")).collect();
    let nights: Vec<&str> = nights.iter().map(String::as_str).collect();
    let text = bench.bench(&[&["report"], &nights[..]].concat()).run().ok().stdout;
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.starts_with("7 nights, 2026-11-21 to 2026-11-27: "), "{text}");
    let alarms = text
        .lines()
        .filter(|line| line.starts_with("  2026-11-25"))
        .filter(|line| line.ends_with("regression"));
    assert_eq!(alarms.count(), 1, "{text}");
}

#[test]
fn a_quiet_morning_that_alarms_by_chance_is_not_confirmed() {
    let bench = Bench::new("week-chance", json!({}));
    night(&bench, "night-1", UNLUCKY, 0);
    assert_eq!(morning(&bench, &["night-1"]), (10, "regression".into()));
    night(&bench, "second", 200, 0);
    let confirmed = morning(&bench, &["night-1", "--confirm", "second"]);
    assert_eq!(confirmed, (0, "inconclusive".into()));
}

/// The first seed from 1 on with which equal arms alarm.
const UNLUCKY: u64 = 11;
