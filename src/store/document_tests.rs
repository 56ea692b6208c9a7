//! Tests of the store's text in memory.

use super::*;
use std::time::Duration;

const OLD: &str = include_str!("../../tests/data/store-0.4.0.json");

fn parse(text: &str) -> Result<Document> {
    Document::parse(Path::new("/x/store.json"), text.as_bytes().to_vec())
}

fn all(document: &Document) -> Result<Vec<Record>> {
    document.records().collect()
}

fn json(mut document: Document) -> Result<String> {
    document.finish()?;
    let mut text = Vec::new();
    document.write(&mut text).unwrap();
    Ok(String::from_utf8(text).unwrap())
}

#[test]
fn a_store_of_0_4_0_is_read_and_brought_forward_on_the_first_write() {
    let mut document = parse(OLD).unwrap();
    assert_eq!(document.ids().collect::<Vec<_>>(), ["oc-195c5185", "oc-7be01c44"]);
    let agent = document.record("oc-7be01c44").unwrap().unwrap().agent;
    assert_eq!(agent.as_deref(), Some("docs-retriever"));
    document.set_next_port(9102);
    let again = parse(&json(document).unwrap()).unwrap();
    assert_eq!(again.schema().unwrap(), Some(SCHEMA));
    let record = again.record("oc-195c5185").unwrap().unwrap();
    assert_eq!(record.workdir.as_deref(), Some("/srv/project"));
    assert_eq!(record.created_at, "2026-11-22T10:29:26.279340");
}

#[test]
fn unknown_keys_survive_at_every_level_and_untouched_records_byte_for_byte() {
    let text = r#"{"schema":1,"new":{"a":[1, 2]},"sessions":{
        "oc-1": {"id":"oc-1","port":9100,  "x":{"y":1}},
        "oc-2": {"id":"oc-2","port":9101,"z":[null]}}}"#;
    let mut document = parse(text).unwrap();
    document.change("oc-2", |record| record.agent = Some("build".into())).unwrap();
    let json = json(document).unwrap();
    assert!(json.contains(r#"{"id":"oc-1","port":9100,  "x":{"y":1}}"#), "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["new"]["a"][1], 2);
    assert_eq!(value["sessions"]["oc-2"]["z"], serde_json::json!([null]));
    assert_eq!(value["sessions"]["oc-2"]["agent"], "build");
}

#[test]
fn a_damaged_store_is_an_error_that_names_file_and_position() {
    let torn = &OLD[..200];
    let error = parse(torn).unwrap_err();
    assert_eq!(error.code.exit(), 9);
    assert!(error.message.contains("/x/store.json"), "{error}");
    assert!(error.message.contains("line "), "{error}");
    assert!(parse("").unwrap_err().message.contains("empty"));
    assert!(parse("[]").is_err());
    assert!(parse("{} {}").is_err());
    assert!(parse(r#"{"sessions":[]}"#).is_err());
}

#[test]
fn a_store_of_a_newer_program_is_not_overwritten() {
    let mut document = parse(r#"{"schema":99,"sessions":{}}"#).unwrap();
    document.set_next_port(1);
    assert!(json(document).unwrap_err().message.contains("layout 99"));
}

#[test]
fn of_a_key_that_is_there_twice_the_last_counts() {
    let text = r#"{"sessions":{"a":{"id":"a","port":1},"a":{"id":"a","port":2}}}"#;
    let document = parse(text).unwrap();
    assert_eq!(document.ids().count(), 1);
    assert_eq!(document.record("a").unwrap().unwrap().port, 2);
}

#[test]
fn debug_output_shows_no_password() {
    let text = r#"{"sessions":{"oc-1":{"id":"oc-1","port":1,"password":"s3cret","x":"s3cret"}}}"#;
    let document = parse(text).unwrap();
    let shown = format!("{document:?} {:?}", all(&document).unwrap());
    assert!(!shown.contains("s3cret") && shown.contains("oc-1"), "{shown}");
}

#[test]
fn an_id_that_names_another_place_is_damage() {
    for id in ["../../home", "a/b", "", ".", "a\u{0}b", "ü"] {
        let text = serde_json::json!({"sessions": {id: {"id": "oc-1", "port": 1}}});
        assert_eq!(parse(&text.to_string()).unwrap_err().code.exit(), 9, "{id}");
    }
    let document = parse(r#"{"sessions":{"oc-1":{"id":"../x","port":1}}}"#).unwrap();
    assert_eq!(all(&document).unwrap()[0].id, "oc-1");
}

#[test]
fn one_broken_record_does_not_take_the_others_with_it() {
    let text = r#"{"sessions":{"a":{"id":"a","port":-1},"b":{"id":"b","port":2}}}"#;
    let mut document = parse(text).unwrap();
    assert!(all(&document).is_err());
    assert_eq!(document.broken(), ["a"]);
    document.remove("a");
    assert_eq!(all(&document).unwrap().len(), 1);
}

#[test]
fn whatever_is_in_the_file_is_read_or_refused_and_written_back_readable() {
    let whole = r#"{"schema":1,"x":[1,{"y":"z"}],"next_port":9102,"sessions":{"oc-1":{"id":"oc-1",
        "port":9100,"pid":7,"created_at":"2026-01-01T00:00:00.5","labels":{"a":"\u00e9"},"n":null},
        "oc-2":{"id":"oc-2","port":9101,"password":"p",
        "worktree":{"repository":"r","path":"p","branch":"b"}}}}"#;
    crate::testing::mutations(&[whole, OLD], Duration::from_millis(700), |bytes| {
        let Ok(mut document) = Document::parse(Path::new("/x"), bytes.to_vec()) else { return };
        let broken = document.broken();
        broken.iter().for_each(|id| assert!(document.remove(id)));
        let records = all(&document).unwrap();
        for record in &records {
            let _ = (record.created(), record.last_active(), record.status());
        }
        let _ = document.change("oc-1", |record| record.set_active(jiff::Timestamp::now()));
        let Ok(text) = json(document) else { return };
        let again = parse(&text).expect("what was written can be read");
        assert_eq!(all(&again).unwrap().len(), records.len(), "{text}");
    });
}

#[test]
fn a_store_that_stays_in_its_file_is_the_same_as_one_in_memory() {
    let place = crate::testing::scratch("large-store");
    let path = place.join("store.json");
    let pad = "x".repeat(300);
    let sessions: Vec<String> = (0..2000)
        .map(|n| format!(r#""oc-{n}": {{"id":"oc-{n}", "port":{},"é":"{pad}"}}"#, 9000 + n))
        .collect();
    let text = format!("{{\"schema\": 1,\"n\":12,\n\"sessions\":{{{}}}}}", sessions.join(",\n"));
    std::fs::write(&path, &text).unwrap();
    let mut kept = Document::open(&path, std::fs::File::open(&path).unwrap()).unwrap();
    let mut held = parse(&text).unwrap();
    assert!(all(&kept).unwrap() == all(&held).unwrap());
    assert_eq!(kept.record_at(1999).unwrap().unwrap().port, 10999);
    for document in [&mut kept, &mut held] {
        document.change("oc-7", |record| record.agent = Some("build".into())).unwrap();
        assert!(document.remove("oc-1000"));
    }
    // A save gives the name to another file, and this one goes on to be read.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(json(kept).unwrap(), json(held).unwrap());
    for end in [text.len() / 2, text.len() - 1] {
        std::fs::write(&path, &text[..end]).unwrap();
        let torn = Document::open(&path, std::fs::File::open(&path).unwrap()).unwrap_err();
        let lines = text[..end].split('\n').count();
        assert!(torn.message.contains(&format!("line {lines} ")), "{torn}");
    }
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_large_store_that_is_written_in_place_while_it_is_read_is_not_called_damaged() {
    let place = crate::testing::scratch("rewritten-store");
    let path = place.join("store.json");
    std::fs::write(&path, r#"{"sessions":{"oc-1":{"id":"oc-1","port":1}}}"#).unwrap();
    let document = Document::open(&path, std::fs::File::open(&path).unwrap()).unwrap();
    std::fs::write(&path, "{").unwrap();
    let error = all(&document).unwrap_err();
    assert_eq!(error.code.exit(), 9);
    assert!(error.message.contains("while it was read"), "{error}");
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_fault_is_told_by_its_line_and_column_in_the_file() {
    let told = |text: &str, place: &str| {
        let error = parse(text).unwrap_err();
        assert!(error.message.contains(place), "{text}: {error}");
    };
    told("{\n \"sessions\": {\n  \"a\": {\n \"id\": x}}}", "line 4 column 8");
    told("{\"sessions\": {}} x", "trailing characters at line 1 column 18");
    told("{\"a\" 1}", "expected `:` at line 1 column 6");
    told("{\"a\":1 \"b\":2}", "expected `,` or `}` at line 1 column 8");
    told("{\"a\":1,}", "key must be a string at line 1 column 8");
    let bytes = b"{\"sessions\": {\"a\": \"\xff\"}}".to_vec();
    let error = Document::parse(Path::new("/x"), bytes).unwrap_err();
    assert!(error.message.contains("byte 20 is not UTF-8"), "{error}");
}
