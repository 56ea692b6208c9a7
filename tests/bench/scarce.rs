//! Full disks, clocks that step, and plans of another size.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Bench, SOON, all, both, is_prompt, task};
use crate::support::processes::poll;

/// A file system in memory that holds this many kilobytes.
pub struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// Mounts one. `None`, with a word on stderr, where this user cannot mount anything.
    pub fn over(place: &Path, kilobytes: u32) -> Option<SmallDisk> {
        std::fs::create_dir_all(place).unwrap();
        let size = format!("size={kilobytes}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(place).output();
        if !mounted.is_ok_and(|mounted| mounted.status.success()) {
            eprintln!("skipped: no file system can be mounted here");
            return None;
        }
        Some(SmallDisk { place: place.into() })
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    }

    /// Fills it but for so many bytes.
    fn fill_but(&self, room: u64) {
        self.fill();
        let file = File::options().write(true).open(self.filler()).unwrap();
        file.set_len(file.metadata().unwrap().len() - room).unwrap();
    }

    /// Makes room again.
    fn clear(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.place).output());
    }
}

#[test]
fn a_disk_that_is_full_in_the_middle_keeps_what_is_recorded_and_the_same_command_continues() {
    let bench = Bench::new("bench-full", json!({}));
    let Some(disk) = SmallDisk::over(&bench.results(), 2048) else { return };
    bench.plan(&both(), &json!({"retry": {"max_attempts": 1}}));
    bench.run(&["--limit", "1"]).run().ok();
    let recorded = bench.lines();
    assert_eq!(recorded.len(), 1);
    bench.sandbox.set_faults(&json!({"turn": {"hold": true}}));
    let before = bench.sandbox.stand_in_requests().len();
    let running = bench.run(&[]).spawn();
    let prompted = || bench.sandbox.stand_in_requests()[before..].iter().any(is_prompt);
    poll(SOON, || prompted().then_some(())).expect("a prompt");
    disk.fill();
    bench.sandbox.set_faults(&json!({}));
    let ended = running.wait(SOON).fails(12);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the same command continues"), "{}", ended.stderr);
    assert_eq!(bench.lines(), recorded);
    // Nor can it begin anything now.
    bench.run(&[]).run().fails(12);
    disk.clear();
    bench.run(&[]).run().ok();
    let outcomes: Vec<String> = bench.outcomes().into_iter().map(|run| run.3).collect();
    assert_eq!(outcomes, ["fail", "pass"]);
    assert_eq!(bench.lines()[0], recorded[0]);
    bench.sandbox.assert_nothing_left();
}

#[test]
fn no_room_for_the_trees_ends_the_batch_and_uses_up_no_attempt() {
    let bench = Bench::new("bench-no-room", json!({}));
    let scratch = bench.sandbox.root().join("small");
    let Some(_disk) = SmallDisk::over(&scratch, 512) else { return };
    let place = bench.sandbox.root().join("tasks/large");
    std::fs::create_dir_all(place.join("files")).unwrap();
    std::fs::write(place.join("instruction.md"), "Do it.").unwrap();
    std::fs::write(place.join("task.json"), r#"{"check": ["true"]}"#).unwrap();
    std::fs::write(place.join("files/large"), vec![b'x'; 1 << 20]).unwrap();
    bench.plan(&json!(["tasks/*"]), &json!({"repeats": 2, "retry": {"max_attempts": 1}}));
    let ended = bench.run(&["--scratch", scratch.to_str().unwrap()]).run().fails(12);
    assert!(ended.stderr.contains("the same command continues"), "{}", ended.stderr);
    let lines = bench.lines();
    assert_eq!(all(&lines, "stop"), ["interrupted"], "{lines:?}");
    assert_eq!(lines[0]["error"]["name"], "disk_full", "{lines:?}");
    bench.run(&[]).run().ok();
    assert!(bench.outcomes().iter().all(|run| run.3 == "pass"), "{:?}", bench.outcomes());
}

/// The private directory of all runs of this user below a TMPDIR.
fn below(scratch: &Path) -> String {
    let user = rustix::process::getuid().as_raw();
    scratch.join(format!("occtl-bench-{user}")).display().to_string()
}

/// An arm whose server fills the disk, and ends, when it is started the Nth time. The first start
/// is that before all runs.
fn filling(bench: &Bench, disk: &SmallDisk, start: usize) -> Value {
    let notes = bench.sandbox.root().join("filling.starts");
    let fill = format!(
        "if [ $(wc -l < '{}') -eq {start} ]; then cat /dev/zero > '{}'; exit 1; fi;",
        notes.display(),
        disk.filler().display()
    );
    let mut arm = bench.arm("a");
    arm["opencode"] = json!(bench.counting("filling", &fill));
    arm
}

#[test]
fn a_server_that_finds_no_room_ends_the_batch_and_uses_up_no_attempt() {
    for (start, stops) in [(1, &[][..]), (2, &["interrupted"])] {
        let bench = Bench::new(&format!("bench-no-room-{start}"), json!({}));
        let scratch = bench.sandbox.root().join("small");
        let Some(disk) = SmallDisk::over(&scratch, 16 << 10) else { return };
        let arm = filling(&bench, &disk, start);
        let more = json!({"repeats": 2, "arms": [arm], "retry": {"max_attempts": 1}});
        bench.plan(&both(), &more);
        let flags = ["--scratch", scratch.to_str().unwrap()];
        let ended = bench.run(&flags).run().fails(12);
        let of_runs = below(Path::new("small"));
        assert!(ended.stderr.contains(&format!("{of_runs} is full: ")), "{}", ended.stderr);
        assert!(ended.stderr.contains("the same command continues"), "{}", ended.stderr);
        let lines = bench.lines();
        assert_eq!(all(&lines, "stop"), stops, "{lines:?}");
        assert!(lines.iter().all(|line| line["error"]["name"] == "disk_full"), "{lines:?}");
        disk.clear();
        bench.run(&flags).run().ok();
        let outcomes: Vec<String> = bench.outcomes().into_iter().map(|run| run.3).collect();
        assert_eq!(outcomes, ["fail", "fail", "pass", "pass"]);
        bench.sandbox.assert_nothing_left();
    }
}

#[test]
fn a_full_disk_is_no_verdict_about_a_task() {
    let bench = Bench::new("check-full", json!({}));
    let scratch = bench.sandbox.root().join("small");
    let Some(disk) = SmallDisk::over(&scratch, 2048) else { return };
    bench.plan(&json!([task("t", &["false"])]), &json!({}));
    let plan = bench.plan_file().display().to_string();
    let check = || bench.sandbox.occtl(&["bench", "check", &plan]).env("TMPDIR", &scratch).run();
    let sound = check().ok();
    assert!(sound.stdout.contains("1 of 1 tasks are sound"), "{}", sound.stdout);
    disk.fill();
    let failed = check().fails(1);
    assert!(!failed.stdout.contains("SOUND"), "{}", failed.stdout);
    assert!(failed.stderr.contains(&below(&scratch)), "{}", failed.stderr);
    // There is room for its order, and not for its tree.
    disk.clear();
    disk.fill_but(32 * 1024);
    let failed = check().fails(1);
    assert!(!failed.stdout.contains("SOUND"), "{}", failed.stdout);
    assert!(failed.stderr.contains(" is full: "), "{}", failed.stderr);
    assert!(failed.stderr.contains("--scratch names another"), "{}", failed.stderr);
    // What passes unsolved is not sound on any disk.
    disk.clear();
    check().ok();
    disk.fill_but(900 * 1024);
    bench.plan(&json!([task("t", &["true"])]), &json!({}));
    let unsound = check().fails(1);
    assert!(unsound.stdout.contains("NOT SOUND"), "{}", unsound.stdout);
    disk.clear();
}

#[test]
fn a_full_disk_leaves_nothing_of_an_export() {
    let bench = Bench::new("export-full", json!({}));
    bench.plan(&both(), &json!({}));
    bench.run(&[]).run().ok();
    let place = bench.sandbox.root().join("small");
    let Some(disk) = SmallDisk::over(&place, 512) else { return };
    disk.fill();
    let (out, results) = (place.join("out").display().to_string(), bench.results());
    let results = results.display().to_string();
    let export = |format: &str| {
        bench.sandbox.occtl(&["bench", "export", format, &results, "-o", &out]).run()
    };
    for format in ["atif", "harbor"] {
        let failed = export(format).fails(1);
        assert!(failed.stderr.contains("No space left on device"), "{}", failed.stderr);
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1, "only the filler is there");
    }
    disk.clear();
    export("harbor").ok();
}

#[test]
fn a_full_disk_leaves_nothing_of_a_first_plan_which_is_written_once_there_is_room() {
    let bench = Bench::new("init-full", json!({}));
    let place = bench.sandbox.root().join("small");
    let Some(disk) = SmallDisk::over(&place, 8) else { return };
    for directory in [place.join("new/deeper"), place.clone()] {
        let words = ["bench", "init", directory.to_str().unwrap()];
        let failed = bench.sandbox.occtl(&words).run().fails(1);
        assert!(failed.stderr.contains("No space left on device"), "{}", failed.stderr);
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "{}", directory.display());
    }
    drop(disk);
    bench.sandbox.occtl(&["bench", "init", place.to_str().unwrap()]).run().ok();
}

/// What the C library's clock of the day says is an hour less once a file is there.
pub const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, id, now);
    if (id == CLOCK_REALTIME && access(STEPPED, F_OK) == 0)
        now->tv_sec -= 3600;
    return result;
}
"#;

#[test]
fn a_clock_that_is_set_back_in_the_middle_changes_no_duration_and_no_result() {
    let bench = Bench::new("bench-clock", json!({"turn": {"hold": true}}));
    let stepped = bench.sandbox.root().join("stepped");
    let Some(shim) = bench.shim(CLOCK, &format!("-DSTEPPED=\"{}\"", stepped.display())) else {
        return;
    };
    let pass = json!(["TEST_SANDBOX", "STAND_IN_FAULTS", "LD_PRELOAD"]);
    bench.plan(&both(), &json!({"pass_env": pass}));
    let running = bench.run(&[]).env("LD_PRELOAD", &shim).spawn();
    let prompted = || bench.sandbox.stand_in_requests().iter().any(is_prompt).then_some(());
    poll(SOON, prompted).expect("a prompt");
    std::fs::write(&stepped, "").unwrap();
    bench.sandbox.set_faults(&json!({}));
    running.wait(SOON).ok();
    let lines = bench.lines();
    let started = |at: usize| lines[at]["started_at"].as_str().unwrap();
    assert!(started(1) < started(0), "the clock has not stepped: {lines:?}");
    assert_eq!(all(&lines, "result"), ["fail", "pass"]);
    for line in &lines {
        let spans = line.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_ms"));
        for (name, span) in spans.filter(|(_, span)| !span.is_null()) {
            assert!(span.as_u64().is_some_and(|ms| ms < 120_000), "{name} is {span}");
        }
    }
    bench.run(&[]).env("LD_PRELOAD", &shim).run().fails(2);
    bench.run(&[]).run().fails(2);
}

#[test]
fn a_plan_of_a_thousand_tasks_is_read_at_once() {
    let bench = Bench::new("bench-thousand", json!({}));
    for number in 0..1000 {
        let place = bench.sandbox.root().join(format!("tasks/t{number:03}/files"));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("file"), number.to_string()).unwrap();
        std::fs::write(place.with_file_name("instruction.md"), "Do it.").unwrap();
    }
    let more = json!({"repeats": 5, "defaults": {"check": ["true"]},
                      "arms": [bench.arm("a"), bench.arm("b")]});
    bench.plan(&json!(["tasks/*"]), &more);
    let shown = bench.run(&["--dry-run", "--json"]).run().ok();
    assert_eq!(shown.json()["runs"].as_array().map(Vec::len), Some(10_000));
    // It takes a fifth of a second on an idle machine.
    assert!(shown.elapsed < Duration::from_secs(20), "{:?}", shown.elapsed);
    bench.run(&["--limit", "1"]).run().ok();
    let status = bench.on_results("status", &["--json"]).run().ok();
    assert!(status.elapsed < Duration::from_secs(20), "{:?}", status.elapsed);
    let progress: &Value = &status.json()["progress"];
    assert_eq!((&progress["runs"], &progress["done"]), (&json!(10_000), &json!(1)));
}
