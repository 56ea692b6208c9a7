//! Reads the part of YAML that the documents use: maps and lists by indentation, lists and maps in
//! brackets on one line, words with and without quotes. Anything else is an error, so that no
//! reader of YAML can understand a document in another way.

use serde_json::{Map, Value, json};

type Read<T> = Result<T, String>;

/// A line without its indentation and comment.
struct Line<'a> {
    number: usize,
    indent: usize,
    text: &'a str,
}

/// Reads a document.
pub fn read(text: &str) -> Read<Value> {
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let content = line.split(" #").next().unwrap_or_default().trim_end();
        let text = content.trim_start_matches(' ');
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if text.contains('\t') {
            return Err(format!("line {}: a tab", at + 1));
        }
        lines.push(Line { number: at + 1, indent: content.len() - text.len(), text });
    }
    let mut rest = lines.as_mut_slice();
    let value = block(&mut rest)?;
    match rest.first() {
        Some(line) => Err(format!("line {}: its indentation fits nothing above", line.number)),
        None => Ok(value),
    }
}

/// A map or a list, all of whose entries have the indentation of the first line.
fn block(lines: &mut &mut [Line]) -> Read<Value> {
    let indent = lines.first().ok_or("an empty block")?.indent;
    let (mut list, mut map) = (Vec::new(), Map::new());
    while let Some(line) = lines.first_mut().filter(|line| line.indent == indent) {
        let wrong = |what: &str| Err(format!("line {}: {what}", line.number));
        if let Some(entry) = line.text.strip_prefix("- ") {
            if !map.is_empty() {
                return wrong("a list within a map");
            }
            // What follows the dash is a block of its own, which begins on this line.
            let is_map = key(entry).is_some();
            (line.indent, line.text) = (indent + 2, entry);
            if is_map {
                list.push(block(lines)?);
            } else {
                list.push(inline(entry).map_err(|what| format!("line {}: {what}", line.number))?);
                skip(lines);
            }
            continue;
        }
        let Some((name, value)) = key(line.text) else { return wrong("neither a key nor a dash") };
        if !list.is_empty() || map.contains_key(name) {
            return wrong("a key within a list, or twice");
        }
        let number = line.number;
        let name = name.to_owned();
        let found = if value.is_empty() {
            skip(lines);
            match lines.first() {
                Some(next) if next.indent > indent => block(lines)?,
                _ => return Err(format!("line {number}: {name} has no value")),
            }
        } else {
            let found = inline(value).map_err(|what| format!("line {number}: {what}"))?;
            skip(lines);
            found
        };
        map.insert(name, found);
    }
    Ok(if list.is_empty() { Value::Object(map) } else { Value::Array(list) })
}

fn skip(lines: &mut &mut [Line]) {
    let taken = std::mem::take(lines);
    *lines = &mut taken[1..];
}

/// The key of a line and what follows it.
fn key(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once(':')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    (is_name && !name.is_empty() && (value.is_empty() || value.starts_with(' ')))
        .then(|| (name, value.trim_start()))
}

/// A value on one line.
fn inline(text: &str) -> Read<Value> {
    if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let all = parts(inside).into_iter().map(inline);
        return all.collect::<Read<Vec<Value>>>().map(Value::Array);
    }
    if let Some(inside) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        let mut map = Map::new();
        for entry in parts(inside) {
            let (name, value) = key(entry).ok_or_else(|| format!("{entry:?} is no entry"))?;
            if map.insert(name.into(), inline(value)?).is_some() {
                return Err(format!("{name} is there twice"));
            }
        }
        return Ok(Value::Object(map));
    }
    scalar(text)
}

/// What commas outside of brackets separate.
fn parts(text: &str) -> Vec<&str> {
    let (mut found, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 && text[at..].starts_with(", ") => {
                found.push(&text[begin..at]);
                begin = at + 2;
            }
            _ => {}
        }
    }
    found.push(&text[begin..]);
    found
}

fn scalar(text: &str) -> Read<Value> {
    if let Some(inside) = text.strip_prefix('"') {
        let inside = inside.strip_suffix('"').filter(|inside| !inside.contains(['"', '\\']));
        return inside.map(|inside| json!(inside)).ok_or_else(|| format!("{text}: quotes"));
    }
    let is_odd = text.starts_with(|c: char| "&*!|>%@`'?,[]{}#".contains(c)) || text.contains(": ");
    // Old readers take these for something else than words.
    let is_treacherous = ["yes", "no", "on", "off", "y", "n", "~", ""].contains(&text);
    if is_odd || is_treacherous {
        return Err(format!("{text:?} needs quotes"));
    }
    Ok(match text {
        "true" | "false" => json!(text == "true"),
        "null" => Value::Null,
        _ => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
    })
}

#[test]
fn what_the_reader_understands_is_what_it_says_and_all_else_is_an_error() {
    let text =
        "a: 1\nlist:\n  - name: x  # a comment\n    of: [one, \"2\"]\n  - name: z\nm: {b: true}\n";
    let found = json!({"a": 1, "list": [{"name": "x", "of": ["one", "2"]}, {"name": "z"}],
                       "m": {"b": true}});
    assert_eq!(read(text), Ok(found));
    for wrong in [
        "a: 1\na: 2",
        "a:\n\tb: 1",
        "a: yes",
        "a:",
        "a: 1\n  b: 2",
        "a: |\n  x",
        "a: &b c",
        "- a\nb: 1",
        "a: [x, y",
        "a: {b}",
        "a: b: c",
    ] {
        assert!(read(wrong).is_err(), "{wrong:?}");
    }
}
