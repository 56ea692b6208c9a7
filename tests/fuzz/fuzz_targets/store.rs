//! The reader of store.json: any file is read or refused, and what was read and written can be read
//! again.
#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/store/mod.rs"]
mod store;
#[path = "../../../src/units.rs"]
mod units;

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use store::Document;

fuzz_target!(|bytes: &[u8]| {
    let place = Path::new("/store.json");
    let Ok(mut document) = Document::parse(place, bytes.to_vec()) else { return };
    for id in document.broken() {
        assert!(document.remove(&id));
    }
    let records: Vec<_> =
        document.records().collect::<Result<_, _>>().expect("no broken record is left");
    for record in &records {
        let _ = (record.created(), record.last_active(), record.status());
    }
    if let Some(first) = records.first() {
        let _ = document.change(&first.id, |record| record.set_active(jiff::Timestamp::UNIX_EPOCH));
    }
    if document.finish().is_err() {
        return;
    }
    let mut text = Vec::new();
    document.write(&mut text).expect("memory can be written");
    let again = Document::parse(place, text).expect("what was written can be read");
    assert_eq!(again.records().filter(Result::is_ok).count(), records.len());
});
