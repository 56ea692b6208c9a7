//! A session whose directory is gone gets no prompt, and can be read and stopped.

use serde_json::json;

use super::sandbox;

#[test]
fn no_prompt_goes_to_a_session_whose_directory_was_renamed_removed_or_replaced() {
    let sandbox = sandbox("workplace", json!({}));
    let place = sandbox.work().join("project");
    let id = sandbox.start(&["-w", place.to_str().unwrap()]);
    sandbox.occtl(&["send", &id, "--wait", "hello"]).run().ok();
    let prompts = || {
        let requests = sandbox.stand_in_requests();
        let is_prompt = |one: &&serde_json::Value| one.to_string().contains("do not work");
        requests.iter().filter(is_prompt).count()
    };
    let refused = |how: &str| {
        for words in [vec!["send", &*id], vec!["send", &*id, "--wait"], vec!["send", &*id, "-c"]] {
            let sent = sandbox.occtl(&words).args(&["do not work"]).run().fails(1);
            assert!(sent.stderr.contains(place.to_str().unwrap()), "{}", sent.stderr);
            assert!(sent.stderr.contains(how), "{}", sent.stderr);
        }
        assert_eq!(prompts(), 0);
        sandbox.occtl(&["tail", &id]).run().ok();
        assert_eq!(sandbox.occtl(&["status", &id, "--json"]).run().ok().json()["state"], "idle");
    };
    let moved = sandbox.work().join("moved");
    std::fs::rename(&place, &moved).unwrap();
    refused("renamed or removed");
    std::fs::create_dir(&place).unwrap();
    refused("another directory");
    std::fs::remove_dir(&place).unwrap();
    std::fs::write(&place, "").unwrap();
    refused("no directory any more");
    std::fs::remove_file(&place).unwrap();
    std::fs::rename(&moved, &place).unwrap();
    sandbox.occtl(&["send", &id, "--wait", "hello again"]).run().ok();
    std::fs::remove_dir_all(&place).unwrap();
    refused("renamed or removed");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn no_prompt_goes_to_a_conversation_whose_own_directory_was_removed() {
    let sandbox = sandbox("own-place", json!({}));
    let serving = sandbox.serve();
    let (url, pid) = (serving.url(), serving.running.pid().to_string());
    let adopted = sandbox.occtl(&["adopt", &url, "--pid", &pid, "-q"]).run().ok();
    let id = adopted.stdout.trim();
    let place = sandbox.work().join("own");
    std::fs::create_dir(&place).unwrap();
    let place = place.to_str().unwrap();
    let opened = serving.post(&format!("/session?directory={place}"), &json!({})).json();
    let conversation = opened["id"].as_str().unwrap();
    let send = ["send", id, "-s", conversation, "--wait", "hello"];
    assert_eq!(sandbox.occtl(&send).run().ok().stdout, "hello\n");
    std::fs::remove_dir(place).unwrap();
    let refused = sandbox.occtl(&send).run().fails(1);
    assert!(refused.stderr.contains(place), "{}", refused.stderr);
    assert!(refused.stderr.contains("renamed or removed"), "{}", refused.stderr);
    // The others are not concerned, and this one can still be read.
    assert_eq!(sandbox.occtl(&["send", id, "--wait", "hello"]).run().ok().stdout, "hello\n");
    let read = sandbox.occtl(&["tail", id, "-s", conversation, "-l", "-r"]).run().ok();
    assert!(read.stdout.contains("hello"), "{}", read.stdout);
    sandbox.occtl(&["stop", id]).run().ok();
}
