//! Random interleavings, duplications and losses in recorded streams, against the truth of REST.

use std::collections::BTreeMap;

use super::recorded::{Recording, SCENES, VERSIONS};
use super::*;

/// How often each recording is played.
const ROUNDS: u64 = 40;

/// A small generator (xorshift64*), so that a seed alone repeats a failure.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    /// True in `percent` of all cases.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What REST has after some of the events. Deltas do not reach it; in 1.1 the parts carry the text.
#[derive(Default)]
struct Rest {
    messages: BTreeMap<String, (Value, BTreeMap<String, Value>)>,
    status: Option<Value>,
}

impl Rest {
    fn event(&mut self, event: &Value, recording: &Recording) {
        let properties = &event["properties"];
        let id = |value: &Value| value.as_str().unwrap().to_string();
        let ours = |value: &Value| value["sessionID"] == *recording.conversation;
        match event["type"].as_str().unwrap() {
            "message.updated" if ours(&properties["info"]) => {
                let info = &properties["info"];
                let entry = self.messages.entry(id(&info["id"])).or_default();
                entry.0 = info.clone();
            }
            "message.part.updated" if ours(&properties["part"]) => {
                let part = properties["part"].clone();
                let entry = self.messages.entry(id(&part["messageID"])).or_default();
                entry.1.insert(id(&part["id"]), part);
            }
            "session.status" if ours(properties) => {
                self.status = Some(properties["status"].clone())
            }
            "session.idle" if ours(properties) => self.status = None,
            _ => {}
        }
    }

    fn messages(&self) -> Vec<Message> {
        let all = self.messages.values().filter(|(info, _)| info.is_object());
        messages(
            all.map(
                |(info, parts)| json!({"info": info, "parts": parts.values().collect::<Vec<_>>()}),
            )
            .collect(),
        )
    }

    fn activities(&self, recording: &Recording) -> Activities {
        let status = self.status.clone().filter(|status| status["type"] != "idle");
        status.map_or_else(Activities::new, |status| activities(&recording.conversation, status))
    }
}

/// Plays one recording with faults; what comes out must be what REST has at the end.
fn play(recording: &Recording, others: &[Recording], seed: u64) {
    let mut random = Random::new(seed);
    let name = format!("{} with seed {seed}", recording.name);
    let events: Vec<Value> =
        recording.events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let (lossy, twice) = (random.chance(60), random.chance(60));
    let mut bench = recording.bench();
    let mut rest = Rest::default();
    let mut delivered: Vec<&str> = Vec::new();
    let mut lost = 0;
    let mut ended = None;
    for (index, event) in events.iter().enumerate() {
        rest.event(event, recording);
        while random.chance(30) {
            let other = &others[random.below(others.len())];
            bench.event(other.events[random.below(other.events.len())].as_bytes());
        }
        if lossy && lost == 0 && random.chance(8) {
            lost = 1 + random.below(12);
        }
        if lost > 0 {
            lost -= 1;
            if lost == 0 {
                bench.turn.note_gap();
            }
        } else {
            bench.event(recording.events[index].as_bytes());
            delivered.push(&recording.events[index]);
        }
        if twice && random.chance(20) && !delivered.is_empty() {
            let back = random.below(delivered.len().min(20));
            bench.event(delivered[delivered.len() - 1 - back].as_bytes());
        }
        if ended.is_none() && (bench.turn.wants_look() || random.chance(15)) {
            let known = rest.activities(recording);
            let silent = random.chance(10);
            ended = bench.look(&rest.messages(), (!silent).then_some(&known));
            if let Some(end) = &ended {
                assert!(recording.ended_as_recorded(&ended), "{name}: {end:?} at event {index}");
            }
        }
        let truth = recording.text();
        let shown = bench.shown.trim_end();
        assert!(truth.starts_with(shown), "{name}: {shown:?} is shown at event {index}");
    }
    if lost > 0 {
        bench.turn.note_gap();
    }
    let end = ended.or_else(|| bench.end(&messages(recording.messages.clone())));
    assert!(recording.ended_as_recorded(&end), "{name}: {end:?}");
    bench.settle(&recording.own());
    let truth = recording.text();
    assert_eq!(bench.turn.text().all(), truth, "{name}");
    assert_eq!(bench.shown.trim_end(), truth.trim_end(), "{name}");
    for other in others {
        let theirs = other.conversation.as_str();
        assert!(!bench.turn.concerns(theirs), "{name}: {theirs} is not ours");
    }
}

#[test]
fn whatever_happens_to_the_events_the_turn_is_what_rest_says() {
    for version in VERSIONS {
        for scene in SCENES {
            let recording = Recording::read(version, scene);
            let mut others = Vec::new();
            for other in SCENES.iter().filter(|other| **other != scene) {
                others.push(Recording::read(version, other));
            }
            (0..ROUNDS).for_each(|seed| play(&recording, &others, seed));
        }
    }
}
