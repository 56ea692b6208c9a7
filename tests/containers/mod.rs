//! The images of `docs/containers.md` without a container engine: their files, in namespaces of
//! their own, with a root that cannot be written, for a user without an entry in `/etc/passwd`, and
//! without home, time zones and resolver beyond what the image says.

mod dockerfile;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::command::{Outcome, Run, Running};
use crate::support::model::Model;
use crate::support::opencode::{self, config};
use crate::support::processes::{poll, signal};
use crate::support::sandbox::{Sandbox, example, set_mode};
use dockerfile::{Stage, stage, tmpfs_of};

const SOON: Duration = Duration::from_secs(180);
/// The script that enters a directory as an image or a machine of its own.
pub const ENTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/containers/enter.sh");
const DISTRIBUTION: &str = "node:22-bookworm-slim";

/// An image as a directory, and the sandbox that it is in.
struct Image {
    sandbox: Sandbox,
    stage: Stage,
}

/// Whether this machine and this user can make namespaces with mounts.
pub fn can_enter(sandbox: &Sandbox) -> bool {
    let line = "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt";
    let words = ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", line];
    let can = rustix::process::geteuid().is_root()
        && sandbox.command("unshare", &words).run().status == 0;
    if !can {
        println!("skipped: containers are tried by root, where namespaces can be made");
    }
    can
}

/// Puts a file where an image has it, at no cost if both places are on one disk.
fn put(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().expect("a directory")).unwrap();
    let from = from.canonicalize().unwrap();
    if std::fs::hard_link(&from, to).is_err() {
        std::fs::copy(&from, to).unwrap();
    }
}

impl Image {
    /// The image of a Dockerfile; `opencode` is the program that it has for OpenCode.
    fn build(sandbox: Sandbox, stage: Stage, opencode: &Path) -> Image {
        let image = Image { sandbox, stage };
        let root = image.root();
        for directory in ["dev", "proc", "tmp", "work"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap());
        for (from, to) in &image.stage.copies {
            let from = match from.file_name().and_then(|name| name.to_str()) {
                Some("occtl") => Path::new(env!("CARGO_BIN_EXE_occtl")),
                Some("opencode") => opencode,
                _ => from,
            };
            put(from, &inside(to));
        }
        if image.stage.from == DISTRIBUTION {
            // A distribution image has these, with npm's program among them.
            for link in ["bin", "lib", "lib64", "sbin"] {
                std::os::unix::fs::symlink(format!("usr/{link}"), root.join(link)).unwrap();
            }
            for part in ["bin", "lib", "lib64", "sbin", "share"] {
                std::fs::create_dir_all(root.join("usr").join(part)).unwrap();
            }
            put(opencode, &root.join("usr/local/bin/opencode"));
        } else {
            // The program of the tests is not the static one.
            let library = "lib/x86_64-linux-gnu/libgcc_s.so.1";
            put(&Path::new("/").join(library), &root.join(library));
        }
        image.own_work();
        image
    }

    fn root(&self) -> PathBuf {
        self.sandbox.root().join("image")
    }

    /// The numbers of its user and group.
    fn user(&self) -> (&str, &str) {
        self.stage.user.split_once(':').unwrap()
    }

    /// Gives the working directory to the image's user, as with `--user "$(id -u):$(id -g)"`.
    fn own_work(&self) {
        let work = self.sandbox.work();
        self.sandbox.command("chown", &["-R", &self.stage.user]).args(&[work]).run().ok();
    }

    /// A program with the variables of the image alone.
    fn with_variables(&self, run: Run) -> Run {
        let unset = ["HOME", "OCCTL_DATA_DIR", "OCCTL_OPENCODE", "LANG", "TMPDIR"];
        let run = unset.iter().fold(run, |run, name| run.env_remove(name));
        let path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
        let run = run.env("PATH", path).env("TZ", "Europe/Berlin");
        self.stage.variables.iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    /// `docker run IMAGE WORDS`; without words what the image has for a command.
    fn run(&self, words: &[&str]) -> Run {
        let own = self.stage.commands.get("command").filter(|_| words.is_empty());
        let words: Vec<&str> = match own {
            Some(own) => own.iter().map(String::as_str).collect(),
            None => words.to_vec(),
        };
        let namespaces = ["--mount", "--pid", "--fork", "--kill-child"];
        let (user, group) = self.user();
        let run = self.sandbox.command("unshare", &namespaces).args(&["sh", ENTER]);
        let run = run.args(&[self.root()]).args(&[user, group]).args(&[self.sandbox.work()]);
        let run = run.args(&self.stage.commands["entry"]).args(&words).cwd("/");
        self.with_variables(run).timeout(SOON)
    }

    /// The first process of the container, as this side sees it.
    fn first_process(&self) -> u32 {
        self.sandbox.wait_for_process(|line| line.starts_with("occtl init"))
    }

    /// `docker exec CONTAINER WORDS`.
    fn exec(&self, words: &[&str]) -> Outcome {
        let pid = self.first_process().to_string();
        let (user, group) = self.user();
        let namespaces = ["-t", &pid, "-m", "-p", "-r", "-w", "-S", user, "-G", group];
        let run = self.sandbox.command("nsenter", &namespaces).args(words).cwd("/");
        self.with_variables(run).timeout(SOON).run()
    }

    /// How many processes the first process of the container has below it.
    fn children(&self) -> usize {
        let pid = self.first_process();
        let path = format!("/proc/{pid}/task/{pid}/children");
        std::fs::read_to_string(path).unwrap().split_whitespace().count()
    }

    /// Ends a container as `docker stop` does. Its processes are all gone.
    fn stop(&self, container: Running, status: i32) {
        signal(self.first_process(), Signal::TERM);
        container.wait(SOON).fails(status);
        self.sandbox.assert_nothing_left();
    }
}

/// An image with the stand-in for OpenCode. Its faults are in the working directory.
fn with_stand_in(sandbox: Sandbox, from: &str) -> Image {
    let mut sandbox = sandbox;
    std::fs::write(sandbox.work().join("faults.json"), "{}").unwrap();
    sandbox.set_env("STAND_IN_FAULTS", "/work/faults.json");
    Image::build(sandbox, stage(from), &example("stand-in"))
}

#[test]
fn the_smallest_image_answers_with_the_real_opencode_and_leaves_nothing() {
    let mut sandbox = Sandbox::new("image-scratch");
    if !can_enter(&sandbox) {
        return;
    }
    sandbox.use_real();
    let model = Model::start();
    sandbox.configure(&sandbox.work(), &config(&model));
    std::fs::write(sandbox.work().join("models.json"), "{}").unwrap();
    let program = opencode::program(&opencode::version());
    let image = Image::build(sandbox, stage("scratch"), &program);
    let run = |words: &[&str]| image.run(words).env("OPENCODE_MODELS_PATH", "/work/models.json");
    let words = ["occtl", "run", "-t", "150", "[[write made by the model]] [[echo Hello.]]"];
    assert_eq!(run(&words).run().ok().stdout, "Hello.\n");
    assert_eq!(std::fs::read_to_string(image.sandbox.work().join("made")).unwrap(), "by the model");
    // What Docker makes of HOME for such a user, and none at all.
    let fails = |run: Run, why: &str| {
        let failed = run.run().fails(4);
        assert!(failed.stderr.contains(why), "{}", failed.stderr);
    };
    fails(run(&["occtl", "run", "x"]).env("HOME", "/"), "set HOME or XDG_");
    fails(run(&["occtl", "run", "x"]).env_remove("HOME"), "set HOME to a directory");
    image.sandbox.assert_nothing_left();
}

#[test]
fn a_container_without_a_command_has_sessions_started_used_and_stopped_in_it() {
    let sandbox = Sandbox::new("image-exec");
    if !can_enter(&sandbox) {
        return;
    }
    let image = with_stand_in(sandbox, "scratch");
    let container = image.run(&[]).spawn();
    let occtl = |words: &[&str]| image.exec(&[&["occtl"], words].concat());
    let id = occtl(&["start", "-q", "--name", "web"]).ok().stdout.trim().to_owned();
    assert_eq!(occtl(&["send", "web", "--wait", "hello"]).ok().stdout.trim(), "hello");
    let row = occtl(&["list"]).ok().stdout.lines().nth(1).unwrap().to_owned();
    let listed: Value = serde_json::from_str(&occtl(&["list", "--json"]).ok().stdout).unwrap();
    // Without time zone data the time for people is the one in UTC.
    let active = listed["sessions"][0]["last_activity"].as_str().unwrap()[..19].replace('T', " ");
    assert!(row.starts_with(&id) && row.contains(" idle ") && row.contains(&active), "{row}");
    assert_eq!(occtl(&["run", "again"]).ok().stdout.trim(), "again");
    occtl(&["doctor"]).ok();
    // Its server is a child of the first process, which reaps it once it is stopped.
    assert_eq!(image.children(), 1);
    assert_eq!(occtl(&["stop", "web"]).ok().stdout, format!("Stopped: {id}\n"));
    poll(SOON, || (image.children() == 0).then_some(())).expect("no zombie");
    // And ends what was not stopped.
    occtl(&["start", "-q"]).ok();
    image.stop(container, 143);
}

#[test]
fn an_image_to_work_in_lives_as_long_as_its_session_and_tells_its_health() {
    let sandbox = Sandbox::new("image-work");
    if !can_enter(&sandbox) {
        return;
    }
    let image = with_stand_in(sandbox, DISTRIBUTION);
    // It does not end when the time of a turn would be over.
    let mut container = image.run(&[]).env("OCCTL_TIMEOUT", "1").spawn();
    container.wait_for_line("oc-", SOON);
    let health: Vec<&str> = image.stage.commands["health"].iter().map(String::as_str).collect();
    image.exec(&health).ok();
    assert_eq!(image.exec(&["occtl", "send", "web", "--wait", "hi"]).ok().stdout.trim(), "hi");
    let faults = image.sandbox.work().join("faults.json");
    std::fs::write(&faults, r#"{"never_answer": true}"#).unwrap();
    assert_ne!(image.exec(&health).status, 0, "a server that is silent is not healthy");
    std::fs::write(&faults, "{}").unwrap();
    // The container may end before the command that ended its session has.
    image.exec(&["occtl", "stop", "web"]);
    container.wait(SOON).ok();
    image.sandbox.assert_nothing_left();
    let mut container = image.run(&[]).spawn();
    // Until its handlers are there, the kernel keeps signals from the first process.
    container.wait_for_line("oc-", SOON);
    image.stop(container, 143);
}

#[test]
fn benchmarks_run_in_an_image_to_work_in() {
    let sandbox = Sandbox::new("image-bench");
    if !can_enter(&sandbox) {
        return;
    }
    let image = with_stand_in(sandbox, DISTRIBUTION);
    let plan = r#"{"schema": 1, "name": "n", "seed": 1, "repeats": 2, "tasks": ["task"],
        "arms": [{"id": "a", "model": "scripted/echo"}], "pass_env": ["STAND_IN_FAULTS"]}"#;
    let work = image.sandbox.work();
    std::fs::create_dir(work.join("task")).unwrap();
    std::fs::write(work.join("plan.json"), plan).unwrap();
    let task = r#"{"instruction": "Do it.", "check": ["./check.sh"]}"#;
    std::fs::write(work.join("task/task.json"), task).unwrap();
    std::fs::create_dir(work.join("task/hidden")).unwrap();
    let check = work.join("task/hidden/check.sh");
    std::fs::write(&check, "#!/bin/sh\n").unwrap();
    set_mode(&check, 0o755);
    image.own_work();
    let words = "occtl bench run plan.json -o results";
    let run = image.run(&words.split(' ').collect::<Vec<_>>());
    run.env("IMAGE_TMPFS", tmpfs_of(words)).run().ok();
    let results = std::fs::read_to_string(work.join("results/results-1-of-1.jsonl")).unwrap();
    assert_eq!(results.matches(r#""result":"pass""#).count(), 2, "{results}");
    image.sandbox.assert_nothing_left();
}
