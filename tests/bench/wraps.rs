//! `wrap` and `wrap_kill` as the guide shows them for containers, with a stand-in for Docker.

use rustix::process::Signal;
use serde_json::json;

use super::guide;
use super::{Bench, SOON, all, both, is_prompt, task};
use crate::support::processes::{is_running, poll};

/// Runs the command after the image, and notes names. While the file `hang` is there, an agent's
/// container after the first one hangs, and is started by another process as by Docker's daemon:
/// ending this one does not end it.
const DOCKER: &str = r#"#!/bin/sh
here=$(dirname "$0")/..
if [ "$1" = rm ]; then
    echo "rm $3" >> "$here/docker.log"
    kill -9 "$(cat "$here/$3.pid")"
    exit
fi
shift
while [ $# -gt 0 ]; do
    case $1 in
        --name) name=$2; shift 2 ;;
        --network|--user|-v) shift 2 ;;
        --*) shift ;;
        *) break ;;
    esac
done
echo "run $name $1" >> "$here/docker.log"
shift
if [ -e "$here/hang" ] && [ "$(grep -c -- -agent "$here/docker.log")" -gt 1 ]; then
    echo "$name" > "$here/daemon"
    exec sleep 600
fi
exec "$@"
"#;

#[test]
fn containers_of_agent_and_check_are_started_by_the_words_of_the_guide_and_ended() {
    let bench = Bench::new("bench-docker", json!({}));
    let root = bench.sandbox.root();
    bench.sandbox.install("docker", DOCKER);
    let mut wrapped = guide::wrap("docker");
    wrapped["defaults"] = json!({"image": "tasks:1"});
    bench.plan(&both(), &wrapped);
    bench.run(&[]).run().ok();
    assert_eq!(all(&bench.lines(), "result"), ["fail", "pass"]);
    let log = std::fs::read_to_string(root.join("docker.log")).unwrap();
    // A first start that is no run, and two runs with a check each.
    let of =
        |end: &str| log.lines().filter(|line| line.ends_with(&format!("-{end} tasks:1"))).count();
    assert_eq!((of("agent"), of("check")), (3, 2), "{log}");
    assert!(!log.contains("rm "), "{log}");

    bench.sandbox.command("mkfifo", &[root.join("daemon")]).run().ok();
    let daemon = "cd \"$1\"; while read -r name < daemon; do sleep 600 & \
                  echo $! > part; mv part \"$name.pid\"; done";
    let daemon = bench.sandbox.shell(daemon, &[root]).spawn();
    std::fs::write(root.join("hang"), "").unwrap();
    std::fs::remove_file(root.join("docker.log")).unwrap();
    let before = bench.sandbox.stand_in_requests().len();
    let running = bench.run(&["--rerun", "fail"]).spawn();
    let container = || {
        let names = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
        let file = names.filter(|path| path.extension().is_some_and(|end| end == "pid")).last()?;
        std::fs::read_to_string(file).ok()?.trim().parse::<u32>().ok()
    };
    let container = poll(SOON, container).expect("a container that hangs");
    running.signal(Signal::TERM);
    running.wait(SOON).fails(143);
    poll(SOON, || (!is_running(container)).then_some(())).expect("the end of the container");
    let log = std::fs::read_to_string(root.join("docker.log")).unwrap();
    assert!(log.lines().last().unwrap().starts_with("rm occtl-"), "{log}");
    assert_eq!(bench.lines().last().unwrap()["stop"], "interrupted");
    let asked = &bench.sandbox.stand_in_requests()[before..];
    assert!(!asked.iter().any(is_prompt), "the agent of the run never began");
    daemon.signal(Signal::KILL);
    daemon.wait(SOON);
}

#[test]
fn a_program_of_wrap_that_is_missing_is_named() {
    let bench = Bench::new("bench-wrap-missing", json!({}));
    let tasks = json!([task("t", &["true"])]);
    bench.plan(&tasks, &json!({"wrap": ["no-such-wrap"], "retry": {"max_attempts": 1}}));
    bench.run(&[]).run();
    let line = &bench.lines()[0];
    let message = line["error"]["message"].as_str().unwrap();
    assert!(message.contains("no-such-wrap"), "{line}");
}
