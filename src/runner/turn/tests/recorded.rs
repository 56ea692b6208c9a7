//! Recorded streams of real servers, with the messages of REST as the truth.

use std::path::Path;

use super::*;

pub const VERSIONS: [&str; 3] = ["1.1.65", "1.14.34", "1.18.33"];

pub const SCENES: [&str; 10] =
    ["cold", "plain", "reasoning", "bash", "ask", "denied", "error", "retry", "abort", "task"];

/// One recorded turn.
pub struct Recording {
    pub name: String,
    pub events: Vec<String>,
    pub messages: Value,
    pub conversation: String,
    pub turn: String,
}

impl Recording {
    pub fn read(version: &str, scene: &str) -> Recording {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let read = |name: String| std::fs::read_to_string(data.join(name)).unwrap();
        let stream = read(format!("events-{version}-{scene}.sse"));
        let events = stream.lines().filter_map(|line| line.strip_prefix("data: "));
        let messages: Value =
            serde_json::from_str(&read(format!("messages-{version}-{scene}.json"))).unwrap();
        let prompt = messages[0]["info"].clone();
        Recording {
            name: format!("{version}-{scene}"),
            events: events.map(String::from).collect(),
            conversation: prompt["sessionID"].as_str().unwrap().into(),
            turn: prompt["id"].as_str().unwrap().into(),
            messages,
        }
    }

    pub fn bench(&self) -> Bench {
        Bench::new(&self.conversation, &self.turn)
    }

    pub fn text(&self) -> String {
        rest_text(&self.messages, &self.turn)
    }

    /// The turn's own messages.
    pub fn own(&self) -> Vec<Message> {
        let all = self.messages.as_array().unwrap().iter();
        let own = all.filter(|message| message["info"]["parentID"] == *self.turn);
        messages(own.cloned().collect())
    }

    /// How it ended, by its scene.
    pub fn ended_as_recorded(&self, end: &Option<End>) -> bool {
        match self.name.rsplit('-').next() {
            Some("denied") => *end == Some(End::Denied),
            Some("abort") => *end == Some(End::Aborted),
            Some("error") => {
                matches!(end, Some(End::Failed(why))
                    if why.name == "APIError" && why.message.contains("bad key"))
            }
            _ => *end == Some(End::Finished),
        }
    }
}

fn each(check: impl Fn(Recording)) {
    for version in VERSIONS {
        for scene in SCENES {
            check(Recording::read(version, scene));
        }
    }
}

#[test]
fn events_alone_show_the_text_that_rest_has() {
    each(|recording| {
        let mut bench = recording.bench();
        recording.events.iter().for_each(|event| bench.event(event.as_bytes()));
        assert_eq!(bench.shown.trim_end(), recording.text().trim_end(), "{}", recording.name);
        assert!(
            !recording.text().is_empty()
                || ["error", "denied"].iter().any(|scene| { recording.name.ends_with(scene) }),
            "{}",
            recording.name
        );
    });
}

#[test]
fn rest_alone_shows_the_same_and_ends_the_turn() {
    each(|recording| {
        let mut bench = recording.bench();
        let end = bench.end(&messages(recording.messages.clone()));
        assert!(recording.ended_as_recorded(&end), "{}: {end:?}", recording.name);
        bench.settle(&recording.own());
        assert_eq!(bench.shown, recording.text(), "{}", recording.name);
    });
}

#[test]
fn events_and_rest_end_the_turn_as_it_ended() {
    each(|recording| {
        let mut bench = recording.bench();
        recording.events.iter().for_each(|event| bench.event(event.as_bytes()));
        assert!(bench.turn.wants_look(), "{}: nothing says that it ended", recording.name);
        let end = bench.end(&messages(recording.messages.clone()));
        assert!(recording.ended_as_recorded(&end), "{}: {end:?}", recording.name);
        bench.settle(&recording.own());
        let text = recording.text();
        assert_eq!(bench.turn.text().all(), text, "{}", recording.name);
        assert_eq!(bench.shown.trim_end(), text.trim_end(), "{}", recording.name);
    });
}

#[test]
fn a_turn_is_not_over_before_its_last_event() {
    each(|recording| {
        let mut bench = recording.bench();
        let busy = activities(&recording.conversation, json!({"type": "busy"}));
        for event in &recording.events {
            let value: Value = serde_json::from_str(event).unwrap();
            let idle = value["type"] == "session.idle"
                && value["properties"]["sessionID"] == *recording.conversation;
            if idle {
                break;
            }
            bench.event(event.as_bytes());
            // REST has only the prompt so far.
            let prompt = messages(json!([recording.messages[0]]));
            assert_eq!(bench.look(&prompt, Some(&busy)), None, "{}", recording.name);
        }
    });
}

#[test]
fn sub_agents_are_found_by_events_and_by_rest() {
    for version in VERSIONS {
        let recording = Recording::read(version, "task");
        let text = recording.messages.to_string();
        let mut by_events = recording.bench();
        recording.events.iter().for_each(|event| by_events.event(event.as_bytes()));
        let mut by_rest = recording.bench();
        by_rest.end(&messages(recording.messages.clone()));
        for bench in [&by_events, &by_rest] {
            let found: Vec<&str> = bench.turn.descendants().collect();
            assert_eq!(found.len(), 1, "{version}");
            assert!(found[0] != recording.conversation && text.contains(found[0]), "{version}");
        }
        // Two steps of the turn's own and two of the sub-agent.
        assert_eq!(by_events.turn.spent().steps, 4, "{version}");
        assert!(by_events.turn.spent().cost > 0.0, "{version}");
    }
}

#[test]
fn asks_and_their_answers_are_known() {
    for version in VERSIONS {
        for (scene, decision) in [("ask", Decision::Once), ("denied", Decision::Reject)] {
            let recording = Recording::read(version, scene);
            let mut bench = recording.bench();
            let mut pending = 0;
            for event in &recording.events {
                bench.event(event.as_bytes());
                pending = pending.max(bench.turn.asks.pending().count());
            }
            assert_eq!(pending, 1, "{version} {scene}");
            let asks: Vec<_> = bench.turn.asks.all().collect();
            assert_eq!(asks.len(), 1, "{version} {scene}");
            assert_eq!(asks[0].decision, decision, "{version} {scene}");
            assert_eq!(asks[0].permission.as_deref(), Some("bash"), "{version} {scene}");
            assert_eq!(asks[0].patterns, ["touch made"], "{version} {scene}");
        }
    }
}

#[test]
fn retries_are_counted_and_timed() {
    for version in VERSIONS {
        let recording = Recording::read(version, "retry");
        let mut bench = recording.bench();
        for event in &recording.events {
            bench.event(event.as_bytes());
            if event.contains(r#""retry""#) {
                assert_eq!(bench.turn.retries.reason(), Some("busy"), "{version}");
            }
        }
        assert_eq!(bench.turn.retries.count(), 1, "{version}");
        assert!(
            !bench.turn.retries.wait().is_zero() && bench.turn.retries.reason().is_none(),
            "{version}"
        );
    }
}
