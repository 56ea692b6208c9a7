//! The catalogue that is built into OpenCode: a literal in the program's text, between a hundred
//! megabytes of other things.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use super::catalogue::Entries;
use super::literal;
use crate::client::Needle;
use crate::runner::programs::known_as;
use crate::store::{private_directory, private_file, unsafe_reason};

/// A text of each catalogue, and of little else: the variable of the provider that needs no key.
const LANDMARK: &str = "OPENCODE_API_KEY";

/// A catalogue has less than this before the landmark, and less than this behind it.
const REACH: u64 = 12 << 20;

/// How much is searched at once.
const PIECE: usize = 1 << 20;

/// How many places with the landmark are looked at.
const MOST_PLACES: usize = 32;

/// What stands in a note about a program in which no catalogue was found.
const NONE: &str = "null";

/// The catalogue in a program. It takes a second to find, so it is noted in the directory `memory`
/// for exactly this file as it is now, if there is one.
pub fn built_in(program: &Path, memory: Option<&Path>) -> Option<String> {
    let Some(memory) = memory else { return search(program).ok()? };
    let note = memory.join(format!("{}.models.json", known_as(program)?));
    if unsafe_reason(&note).is_none()
        && let Ok(text) = fs::read_to_string(&note)
    {
        // What is used stays.
        let _ = File::open(&note).and_then(|note| note.set_modified(SystemTime::now()));
        return Some(text).filter(|text| text != NONE);
    }
    let found = search(program).ok()?;
    let partial = note.with_extension(std::process::id().to_string());
    let text = found.as_deref().unwrap_or(NONE);
    let written = private_directory(memory)
        .and_then(|()| private_file(&partial, true)?.write_all(text.as_bytes()));
    // Renamed into place, because other starts may read it at any moment.
    if written.and_then(|()| fs::rename(&partial, &note)).is_err() {
        let _ = fs::remove_file(&partial);
    }
    found
}

fn search(program: &Path) -> io::Result<Option<String>> {
    let file = File::open(program)?;
    let needle = Needle::new(LANDMARK);
    let mut piece = vec![0; PIECE + LANDMARK.len()];
    let (mut from, mut places) = (0, 0);
    while places < MOST_PLACES {
        let length = read_at(&file, &mut piece, from)?;
        let Some(at) = needle.position_in(&piece[..length]) else {
            if length < piece.len() {
                return Ok(None);
            }
            from += PIECE as u64;
            continue;
        };
        let place = from + at as u64;
        if let Some(catalogue) = around(&file, place)? {
            return Ok(Some(catalogue));
        }
        from = place + LANDMARK.len() as u64;
        places += 1;
    }
    Ok(None)
}

/// Fills a buffer from there on, as far as the file goes.
fn read_at(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], from + length as u64)? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}

/// The catalogue around a place in the file.
fn around(file: &File, place: u64) -> io::Result<Option<String>> {
    let from = place.saturating_sub(REACH);
    let mut text = vec![0; (place - from + REACH) as usize];
    let length = read_at(file, &mut text, from)?;
    text.truncate(length);
    Ok(catalogue_in(&text, (place - from) as usize))
}

/// The nearest catalogue that begins before a place and reaches beyond it.
fn catalogue_in(text: &[u8], place: usize) -> Option<String> {
    let begins = |at: &usize| text[*at] == b'{' && begins_catalogue(&text[*at..place]);
    let start = (0..place).rev().find(begins)?;
    let json = literal::to_json(&text[start..])?;
    let entries: Entries = serde_json::from_str(&json).ok()?;
    entries.0.iter().any(|(id, _)| id == "opencode").then_some(json)
}

/// Whether this is `{NAME: {id: "NAME", env: [`, with or without quotes and spaces. No other object
/// of a catalogue has this, because all providers but the first follow a comma.
fn begins_catalogue(text: &[u8]) -> bool {
    let text = &text[..text.len().min(300)];
    let mut bytes =
        text.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\n' | b'"' | b'\''));
    let mut until = |end: u8| bytes.by_ref().take_while(|byte| *byte != end).collect::<Vec<u8>>();
    if until(b'{') != b"" {
        return false;
    }
    let name = until(b':');
    !name.is_empty()
        && until(b'{') == b""
        && until(b':') == b"id"
        && until(b',') == name
        && until(b':') == b"env"
        && until(b'[') == b""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str, content: &[u8]) -> std::path::PathBuf {
        let place = std::env::temp_dir().join(format!("occtl-built-{name}-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("program"), content).unwrap();
        place
    }

    #[test]
    fn the_catalogue_of_a_program_is_found_between_other_things_and_remembered() {
        let literal = r#"({deepinfra:{id:"deepinfra",env:["D_KEY"],models:{"a":{id:"a",name:"A"}}},
            opencode: { id: "opencode", env: ["OPENCODE_API_KEY"], models: {} }}),u=1"#;
        let mut content = b"\x7fELF".to_vec();
        content.extend_from_slice(b"\x00\xff{x:{id:1}} OPENCODE_API_KEY {\x00");
        content.resize(PIECE - 20, 0xfe);
        content.extend_from_slice(b"p=n.sync(()=>");
        content.extend_from_slice(literal.as_bytes());
        let place = program("found", &content);
        let memory = place.join("memory");
        let found = built_in(&place.join("program"), Some(&memory)).unwrap();
        let expected = r#"{"deepinfra":{"id":"deepinfra","env":["D_KEY"],"models":{"a":{"id":"a",
            "name":"A"}}},"opencode":{"id":"opencode","env":["OPENCODE_API_KEY"],"models":{}}}"#;
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&found), read(expected));
        let note = fs::read_dir(&memory).unwrap().next().unwrap().unwrap().path();
        fs::write(&note, "noted").unwrap();
        let again = || built_in(&place.join("program"), Some(&memory));
        assert_eq!(again().as_deref(), Some("noted"));
        fs::write(&note, NONE).unwrap();
        assert_eq!(again(), None);
        content.push(0);
        fs::write(place.join("program"), content).unwrap();
        assert_eq!(again(), Some(found), "another program with the same name");
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn a_script_has_no_catalogue_whatever_stands_in_it() {
        let text = r#"#!/bin/sh
            {opencode:{id:"opencode",env:["OPENCODE_API_KEY"],models:{}}}"#;
        let place = program("script", text.as_bytes());
        assert_eq!(built_in(&place.join("program"), Some(&place.join("memory"))), None);
        assert_eq!(built_in(&place.join("missing"), Some(&place.join("memory"))), None);
        fs::remove_dir_all(&place).unwrap();
    }
}
