//! Files of the package as text, and what of them is code.

use std::path::Path;

/// The root of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a directory of the package, by their path from its root, with their text.
pub fn files(below: &str, end: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(below)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            if ["target", ".git"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(end) {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                found.push((name, text));
            }
        }
    }
    found.sort();
    found
}

/// All that we wrote in Rust.
pub fn rust() -> Vec<(String, String)> {
    [files("src", ".rs"), files("tests", ".rs")].concat()
}

/// What a piece of a Rust file is.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Code,
    Comment,
    Quoted,
}

/// The text without comments and without what is only there for unit tests. Strings stay, and so
/// does the number of every line.
pub fn code(text: &str) -> String {
    let code = without_comments(text);
    let bare = without_strings(&code);
    let mut kept = String::new();
    let mut from = 0;
    while let Some(at) = bare[from..].find("#[cfg(test)]") {
        let end = from + at + item(&bare[from + at..]);
        kept.push_str(&code[from..from + at]);
        kept.push_str(&blank(&code[from + at..end]));
        from = end;
    }
    kept + &code[from..]
}

/// The length of the item that bare code begins with, its attributes included.
fn item(code: &str) -> usize {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        let ends = (c == '}' || c == ';') && depth == 0;
        if ends || depth < 0 {
            return at + usize::from(ends);
        }
    }
    code.len()
}

/// The same text with blanks in place of comments.
pub fn without_comments(text: &str) -> String {
    let keep = |(part, text)| if part == Part::Comment { blank(text) } else { text.to_owned() };
    parts(text).into_iter().map(keep).collect()
}

/// The same code with blanks in place of strings and characters.
pub fn without_strings(code: &str) -> String {
    let keep = |(part, text)| if part == Part::Quoted { blank(text) } else { text.to_owned() };
    parts(code).into_iter().map(keep).collect()
}

/// The strings of code, without their quotes.
pub fn strings(code: &str) -> Vec<&str> {
    let quoted = parts(code).into_iter().filter(|(part, _)| *part == Part::Quoted);
    let inner = quoted.filter_map(|(_, text)| {
        let (_, rest) = text.split_once('"')?;
        rest.rsplit_once('"').map(|(inner, _)| inner)
    });
    inner.collect()
}

/// As many blanks as there are bytes, with the same ends of lines.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Cuts a Rust file into code, comments, and strings and characters.
fn parts(text: &str) -> Vec<(Part, &str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, length) = first_part(rest);
        let (this, next) = rest.split_at(length);
        parts.push((part, this));
        rest = next;
    }
    parts
}

/// The part that a text begins with, which is in no other one.
fn first_part(text: &str) -> (Part, usize) {
    let word = text.len() - text.trim_start_matches(is_part_of_word).len();
    let (prefix, rest) = text.split_at(word);
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let raw = prefix.ends_with('r') && rest[hashes..].starts_with('"');
    if raw && ["r", "br", "cr"].contains(&prefix) {
        let end = format!("\"{}", &rest[..hashes]);
        let inner = &rest[hashes + 1..];
        let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
        (Part::Quoted, word + hashes + 1 + length)
    } else if word > 0 {
        (Part::Code, word)
    } else if text.starts_with("//") {
        (Part::Comment, text.find('\n').unwrap_or(text.len()))
    } else if text.starts_with("/*") {
        (Part::Comment, text.find("*/").map_or(text.len(), |at| at + 2))
    } else if text.starts_with('"') {
        (Part::Quoted, quoted(text, '"'))
    } else if text.starts_with('\'') && !is_lifetime(text) {
        (Part::Quoted, quoted(text, '\''))
    } else {
        let begins = |c: char| is_part_of_word(c) || matches!(c, '/' | '"' | '\'');
        let first = text.chars().next().map_or(0, char::len_utf8);
        (Part::Code, text[first..].find(begins).map_or(text.len(), |at| first + at))
    }
}

/// How long a string or a character is that a text begins with.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Whether a quote begins the name of a lifetime, and not a character.
fn is_lifetime(text: &str) -> bool {
    let mut after = text.chars().skip(1);
    after.next().is_some_and(is_part_of_word) && after.next() != Some('\'')
}

/// The words and signs of bare code, each with the number of its line. `::`, `->` and `=>` are one
/// sign.
pub fn words(code: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let pair = ["::", "->", "=>"].iter().find(|pair| rest.starts_with(**pair));
            let word = rest.len() - rest.trim_start_matches(is_part_of_word).len();
            let length = pair.map_or(word.max(first.len_utf8()), |pair| pair.len());
            words.push((number + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    words
}

fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a word stands somewhere, not as a part of a longer one.
pub fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part_of_word)
            && !text[at + word.len()..].starts_with(is_part_of_word)
    })
}

#[test]
fn comments_strings_and_unit_tests_are_told_from_code() {
    let text = r###"
fn f<'a>(x: &'a str) -> char { // g
    /* h */ x.push_str("i // \" j"); y('"'); z("k");
    w(r#"l " m"#, '\'', b'n', "o
    p") }
#[cfg(test)]
#[path = "q"]
mod r;
#[cfg(test)]
fn s() -> [u8; 2] {
    t
}
fn u() {}
"###;
    let bare = without_strings(&code(text));
    let words: Vec<_> = words(&bare).into_iter().map(|(_, word)| word).collect();
    let expected = "fn f < ' a > ( x : & ' a str ) -> char { x . push_str ( ) ; y ( ) ; z ( ) ; \
        w ( , , b , ) } fn u ( ) { }";
    assert_eq!(words.join(" "), expected);
    assert_eq!(bare.lines().count(), text.lines().count());
    assert!(code(text).contains("\"i // \\\" j\"") && !code(text).contains("h */"));
}
